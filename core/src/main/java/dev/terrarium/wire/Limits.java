package dev.terrarium.wire;

/// The limits of `docs/protocol.md`, all in one place.
public final class Limits {
  public static final int HEADER_BYTES = 16;

  /// One attachment: 1 GiB.
  public static final int ATTACHMENT_BYTES_MAX = 1 << 30;

  /// `length` of a frame, its header not counted: 1.125 GiB.
  public static final int FRAME_BYTES_MAX = (1 << 30) + (1 << 27);

  /// `length` of a connection's first frame: 1 MiB.
  public static final int HELLO_BYTES_MAX = 1 << 20;

  public static final int ATTACHMENTS_MAX = 65_535;

  /// From so many bytes on an attachment travels in a memory file: 1 MiB.
  public static final int MEMORY_BYTES_MIN = 1 << 20;

  /// What a runtime keeps of memory files for the next calls: 64 MiB.
  static final long MEMORY_IDLE_BYTES_MAX = 1 << 26;

  /// In the table of a frame: the attachment is in a memory file, and four bytes in the frame name
  /// it.
  static final int IN_MEMORY = 1 << 31;

  /// Decimal digits of an integer; what Python reads and writes without being told otherwise.
  public static final int INTEGER_DIGITS_MAX = 4_300;

  /// Containers within containers, in a value.
  public static final int NESTING_MAX = 500;

  /// What one system call reads or writes. NIO copies a heap buffer into a direct one of the same
  /// size and keeps that for the thread's life, so no buffer handed to it may be larger.
  static final int SLICE_BYTES = 1 << 18;

  private Limits() {}
}
