package dev.terrarium.wire;

import java.util.List;

/// A frame as it was received. The arrays are handed over, not copied: they belong to whoever holds
/// the frame.
///
/// @param id the call's id, the worker's number, or 0
/// @param envelope UTF-8 JSON; may be empty
@SuppressWarnings("ArrayRecordComponent") // no copy, and never compared
public record Frame(FrameType type, long id, byte[] envelope, List<byte[]> attachments) {
  @Override
  public String toString() {
    return "%s #%d (%,d bytes, %,d attachments)"
        .formatted(type, id, envelope.length, attachments.size());
  }
}
