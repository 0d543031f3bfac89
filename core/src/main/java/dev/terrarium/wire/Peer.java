package dev.terrarium.wire;

/// Who a frame comes from.
public enum Peer {
  /// A connection that has not shown its first frame yet: all it may send is a hello, or a
  /// question.
  STRANGER,
  WORKER,
  WARDEN,
  /// Who has asked his one question, and has nothing more to say.
  ASKER,
  JVM
}
