package dev.terrarium.wire;

import java.util.Set;

/// The frame types of protocol version 1 and who sends them. A hello, or a question, belongs to
/// nobody but a stranger, so that a second one is refused like any other frame from the wrong side.
@SuppressWarnings("ImmutableEnumChecker") // Set.of is immutable
public enum FrameType {
  HELLO(1, Peer.STRANGER),
  CALL(2, Peer.JVM),
  RESULT(3, Peer.WORKER),
  ERROR(4, Peer.WORKER),
  CANCEL(5, Peer.JVM),
  STACKS(6, Peer.WORKER),
  CHUNK(7),
  CREDIT(8),
  HOST_CALL(9),
  HOST_RESULT(10),
  LOG(11, Peer.WORKER),
  PROGRESS(12),
  EVENT(13),
  PING(14, Peer.JVM),
  PONG(15, Peer.WORKER, Peer.WARDEN),
  DRAIN(16, Peer.JVM),
  MEMFD(17, Peer.JVM),
  TAKEN(18, Peer.JVM),
  KEPT(19, Peer.WORKER),
  LOGGERS(20, Peer.WORKER),
  LEVELS(21, Peer.JVM),

  WARDEN_HELLO(64, Peer.STRANGER),
  SPAWN(65, Peer.JVM),
  SPAWNED(66, Peer.WARDEN),
  SPAWN_FAILED(67, Peer.WARDEN),
  SIGNAL(68, Peer.JVM),
  KILL(69, Peer.JVM),
  EXITED(70, Peer.WARDEN),
  CLEARED(71, Peer.WARDEN),
  OUTPUT(72, Peer.WARDEN),
  DUMP(73, Peer.JVM),
  DUMPED(74, Peer.WARDEN),
  SHUTDOWN(75, Peer.JVM),
  REPORT(76, Peer.WARDEN),
  ZYGOTE_READY(77, Peer.WARDEN),

  CONTROL(78, Peer.STRANGER),
  CONTROL_ANSWER(79, Peer.JVM);

  private static final FrameType[] BY_CODE = new FrameType[256];

  static {
    for (FrameType type : values()) {
      BY_CODE[type.code] = type;
    }
  }

  private final int code;
  private final Set<Peer> senders;

  FrameType(int code, Peer... senders) {
    this.code = code;
    this.senders = Set.of(senders);
  }

  public int code() {
    return code;
  }

  /// Who may send it; nobody where the type is only reserved.
  public Set<Peer> senders() {
    return senders;
  }

  public boolean reserved() {
    return senders.isEmpty();
  }

  /// The type that `peer` means by `code`.
  static FrameType received(int code, Peer peer) {
    FrameType type = BY_CODE[code];
    if (type == null) {
      throw new ProtocolException("unknown frame type " + code);
    }
    if (type.reserved()) {
      throw new ProtocolException("frame type %s (%d) is reserved".formatted(type, code));
    }
    if (!type.senders.contains(peer)) {
      throw new ProtocolException(
          "frame type %s (%d) does not come from a %s".formatted(type, code, peer));
    }
    return type;
  }
}
