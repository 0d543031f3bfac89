package dev.terrarium.wire;

import dev.terrarium.ValueException;
import dev.terrarium.process.MemoryFile;
import dev.terrarium.process.ScarceException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/// A value as it arrived, with its sender's memory files open: from here on the sender may die. It
/// must be read, or dropped, so that the memory is given back; what is done second finds nothing.
public final class Received {
  private final Frame frame;
  private final List<MemoryFile> files;
  private final Runnable giveBack;
  private final AtomicBoolean used = new AtomicBoolean();

  private Received(Frame frame, List<MemoryFile> files, Runnable giveBack) {
    this.frame = frame;
    this.files = files;
    this.giveBack = giveBack;
  }

  /// Opens the files of `frame`; quick.
  ///
  /// @param pid the process that sent it
  /// @param giveBack tells the sender that he may write his files again; runs once, on any thread,
  ///   where there were some; must not block
  /// @throws ProtocolException if one of them is not what it should be
  /// @throws ScarceException if there is nothing left to open them with; they are given back then
  public static Received open(Frame frame, long pid, Runnable giveBack) throws ScarceException {
    if (frame.claims().isEmpty()) {
      return new Received(frame, List.of(), giveBack);
    }
    List<MemoryFile> files = new ArrayList<>();
    try {
      for (Frame.Claim claim : frame.claims()) {
        files.add(MemoryFile.open(pid, claim.descriptor(), claim.bytes()));
      }
    } catch (ScarceException e) {
      files.forEach(MemoryFile::close);
      giveBack.run();
      throw e;
    } catch (NoSuchFileException e) {
      files.forEach(MemoryFile::close);
      throw ProtocolException.cut("%s: its memory is gone".formatted(frame));
    } catch (IOException e) {
      files.forEach(MemoryFile::close);
      throw new ProtocolException("%s: %s".formatted(frame, e.getMessage()), e);
    }
    return new Received(frame, files, giveBack);
  }

  /// What a caller is told whose result cannot be had for that reason.
  public static ValueException unopened(ScarceException why) {
    return new ValueException("result", String.valueOf(why.getMessage()), why);
  }

  byte[] envelope() {
    return frame.envelope();
  }

  /// All attachments, each in an array of its own.
  List<byte[]> read() {
    begin();
    if (files.isEmpty()) {
      return frame.attachments();
    }
    try {
      List<byte[]> all = new ArrayList<>(frame.attachments());
      for (int i = 0; i < files.size(); i++) {
        Frame.Claim claim = frame.claims().get(i);
        byte[] bytes = new byte[claim.bytes()];
        files.get(i).read(MemorySegment.ofArray(bytes));
        all.set(claim.index(), bytes);
      }
      return all;
    } catch (IOException e) {
      throw new ProtocolException("%s: %s".formatted(frame, e.getMessage()), e);
    } finally {
      end();
    }
  }

  /// All attachments in memory that lives as long as the arena; files where they are, uncopied.
  ///
  /// @throws IllegalStateException if the arena is closed
  /// @throws WrongThreadException if it belongs to another thread
  /// @throws ValueException if there is no room left to map them to
  List<MemorySegment> map(Arena arena) {
    begin();
    // The last one out gives all back: each mapping, and this method.
    AtomicInteger users = new AtomicInteger(1 + files.size());
    Runnable leave = () -> leave(users, 1);
    int mapped = 0;
    try {
      List<MemorySegment> all = new ArrayList<>();
      for (byte[] bytes : frame.attachments()) {
        all.add(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes));
      }
      for (; mapped < files.size(); mapped++) {
        Frame.Claim claim = frame.claims().get(mapped);
        all.set(claim.index(), files.get(mapped).map(claim.bytes(), arena, leave));
      }
      return all;
    } catch (ScarceException e) {
      throw unopened(e);
    } catch (IOException e) {
      throw new ProtocolException("%s: %s".formatted(frame, e.getMessage()), e);
    } finally {
      files.forEach(MemoryFile::close);
      leave(users, 1 + files.size() - mapped);
    }
  }

  private void leave(AtomicInteger users, int leaving) {
    if (users.addAndGet(-leaving) == 0 && !files.isEmpty()) {
      giveBack.run();
    }
  }

  private void begin() {
    if (!used.compareAndSet(false, true)) {
      throw new IllegalStateException("this value was read or dropped before");
    }
  }

  private void end() {
    files.forEach(MemoryFile::close);
    if (!files.isEmpty()) {
      giveBack.run();
    }
  }

  /// Nobody wants it.
  public void drop() {
    if (used.compareAndSet(false, true)) {
      end();
    }
  }
}
