package dev.terrarium.wire;

/// Who a frame comes from.
public enum Peer {
  /// A connection that has not shown its first frame yet: all it may send is a hello.
  STRANGER,
  WORKER,
  WARDEN,
  JVM
}
