package dev.terrarium.worker;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.PoolConfig;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolInfo;
import dev.terrarium.base.Each;
import dev.terrarium.call.ChannelListener;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerChannel;
import dev.terrarium.process.MemoryFile;
import dev.terrarium.wire.Connection;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.OutgoingFrame;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// One worker's connection, and the calls that went over it.
final class FrameChannel implements WorkerChannel, CallsInFlight.Reach {
  private final PooledWorker worker;
  private final Facilities facilities;
  private final Connection connection;
  private final ChannelListener listener;
  private final List<ToolInfo> tools;
  private final boolean pipelining;
  private final boolean memory;
  private final CallsInFlight calls;
  private final ReentrantLock sending = new ReentrantLock();

  @GuardedBy("sending")
  private long sent;

  private volatile long heardAt; // of the nanosecond clock
  private volatile boolean readToEnd;

  FrameChannel(
      PooledWorker worker,
      PoolConfig config,
      Facilities facilities,
      Connection connection,
      Messages.Hello hello,
      ChannelListener listener) {
    this.worker = worker;
    this.facilities = facilities;
    this.connection = connection;
    this.listener = listener;
    this.tools = ToolInfos.of(hello.tools());
    this.pipelining = hello.capabilities().contains("rows");
    this.memory = hello.capabilities().contains("memfd") && facilities.memory().available();
    this.calls = new CallsInFlight(worker.id(), config, this);
  }

  @Override
  public List<ToolInfo> tools() {
    return tools;
  }

  @Override
  public boolean supportsPipelining() {
    return pipelining;
  }

  @Override
  public boolean takesMemory() {
    return memory;
  }

  // Access to /proc/PID/fd is asked for in each direction by whoever needs it.
  @Override
  public void ready(long pid) {
    if (memory && MemoryFile.canOpen(pid)) {
      send(0, new Messages.Memfd(facilities.memory().from()));
    }
  }

  // --- Calls ---

  @Override
  public void take(List<? extends Exchange> several) {
    if (calls.isEmpty()) {
      heard(); // what it did before it had anything to do says nothing
    }
    try {
      for (Exchange call : several) {
        calls.add(call); // first: whoever learns of this worker from the call finds it
        call.givenTo(worker);
      }
    } catch (VirtualMachineError e) {
      forget(several);
      throw e;
    }
  }

  private void forget(List<? extends Exchange> several) {
    several.forEach(call -> calls.remove(call.id()));
  }

  @Override
  public void send(List<? extends Exchange> several) {
    List<Exchange> wanted = new ArrayList<>(several.size());
    for (Exchange call : several) {
      if (!call.isDone()) {
        wanted.add(call);
      } else if (calls.remove(call.id()) != null) {
        call.endLoan();
        listener.dropped(call); // its caller gave up before he could see this worker
      }
    }
    try {
      write(wanted);
    } catch (VirtualMachineError e) { // nothing has been sent
      forget(wanted);
      throw e;
    }
    for (Exchange call : wanted) {
      CancelReason overtaken = call.sent();
      if (overtaken != null) {
        send(call.id(), new Messages.Cancel(overtaken));
      }
    }
  }

  private void write(List<Exchange> several) {
    List<OutgoingFrame> frames = new ArrayList<>(several.size());
    for (Exchange call : several) {
      frames.add(CallFrames.of(call, pipelining, memory));
    }
    sending.lock(); // so that the numbers tell the order of arrival
    try {
      for (Exchange call : several) {
        call.ordered(++sent);
      }
      connection.send(frames);
    } finally {
      sending.unlock();
    }
  }

  @Override
  public void withdraw(List<? extends Exchange> several) {
    connection.send(several.stream().map(FrameChannel::withdrawal).toList());
  }

  private static OutgoingFrame withdrawal(Exchange call) {
    return Messages.frame(call.id(), new Messages.Cancel(CancelReason.WITHDRAWN));
  }

  @Override
  public void deadlinePassed(Exchange call, Duration deadline) {
    calls.deadlinePassed(call, deadline);
  }

  @Override
  public void interrupt(Exchange call, CancelReason reason) {
    calls.interrupt(call, reason);
  }

  @Override
  public Collection<Exchange> calls() {
    return calls.all();
  }

  /// The worker does not have this call any more; null where it is not known.
  @Nullable Exchange end(long callId) {
    Exchange call = calls.remove(callId);
    if (call != null) {
      call.endLoan();
      listener.ended(call);
    }
    return call;
  }

  @Nullable Exchange find(long callId) {
    return calls.find(callId);
  }

  /// The files of a result may be written again.
  void memoryTaken(long callId) {
    send(callId, new Messages.Taken());
  }

  // --- Its end ---

  @Override
  public void leave() {
    calls.all().forEach(call -> send(call.id(), new Messages.Cancel(CancelReason.CLOSING)));
    send(0, new Messages.Drain());
  }

  @Override
  public void close() {
    connection.close();
  }

  @Override
  public boolean isOpen() {
    return connection.takesFrames();
  }

  /// Everything that the worker said has been read.
  void readToEnd() {
    readToEnd = true;
  }

  @Override
  public void lost(boolean certain, Function<Exchange, TerrariumException> why) {
    boolean known = certain && pipelining && readToEnd;
    Set<Exchange> notBegun =
        known ? CallsInFlight.notBegun(calls.inOrder(), this::isPlain) : Set.of();
    // Each is known here until it has its outcome: where that fails, for want of memory perhaps,
    // the
    // next report of this worker's end, or its pool's, finds it.
    Each.of(
        calls.inOrder(),
        call -> {
          call.lost(!(notBegun.contains(call) && call.isSentAhead()), () -> why.apply(call));
          calls.remove(call.id());
        });
  }

  private boolean isPlain(Exchange call) {
    return tools.stream()
        .anyMatch(tool -> tool.name().equals(call.tool()) && tool.kind() == ToolInfo.Kind.PLAIN);
  }

  // --- What is heard ---

  /// Something came from the worker.
  void heard() {
    heardAt = facilities.clock().nanos();
  }

  @Override
  public Duration silence() {
    return calls.isEmpty() ? Duration.ZERO : facilities.clock().since(heardAt);
  }

  // --- For the calls ---

  @Override
  public void send(long call, Messages.Outgoing message) {
    connection.send(Messages.frame(call, message));
  }

  @Override
  public void dump(Consumer<String> answer) {
    listener.dump(answer);
  }

  @Override
  public void after(Duration delay, Runnable task) {
    facilities.clock().after(delay, task);
  }

  @Override
  public void killUnresponsive(String why) {
    listener.unresponsive(new StopReason.Unresponsive(why));
  }
}
