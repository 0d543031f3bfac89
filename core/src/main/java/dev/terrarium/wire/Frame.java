package dev.terrarium.wire;

import java.util.List;

/// A frame as it was received. The arrays are handed over, not copied: they belong to whoever holds
/// the frame.
///
/// @param id the call's id, the worker's number, or 0
/// @param envelope UTF-8 JSON; may be empty
/// @param attachments empty arrays where the bytes are in memory files
/// @param claims the memory files
@SuppressWarnings("ArrayRecordComponent") // no copy, and never compared
public record Frame(
    FrameType type, long id, byte[] envelope, List<byte[]> attachments, List<Claim> claims) {

  /// An attachment whose bytes are said to be in a memory file of the sender's; nobody has looked
  /// yet.
  ///
  /// @param index the attachment's
  /// @param descriptor the file's, in the sender's process
  public record Claim(int index, int descriptor, int bytes) {}

  /// All in the frame.
  public Frame(FrameType type, long id, byte[] envelope, List<byte[]> attachments) {
    this(type, id, envelope, attachments, List.of());
  }

  @Override
  public String toString() {
    return "%s #%d (%,d bytes, %,d attachments)"
        .formatted(type, id, envelope.length, attachments.size());
  }
}
