package dev.terrarium.wire;

import java.nio.ByteBuffer;
import java.util.List;

/// A value in its form for the wire: JSON, and the bytes that it refers to.
@SuppressWarnings("ArrayRecordComponent") // no copy, and never compared
public record Encoded(byte[] json, List<ByteBuffer> attachments) {}
