/// Frames, values and the one thread that reads them, as `docs/protocol.md` specifies.
///
/// - [EventLoop] owns the sockets: it accepts, reads and finishes what a sender could not write.
/// - [FrameDecoder] and [OutgoingFrame] are the two directions of a frame.
/// - [ValueCodec] is for the users' values, [Messages] for everything else that an envelope holds.
///
/// Nothing that arrives is believed: every length is checked before a byte is allocated for it.
@NullMarked
package dev.terrarium.wire;

import org.jspecify.annotations.NullMarked;
