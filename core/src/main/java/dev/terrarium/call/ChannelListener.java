package dev.terrarium.call;

import java.util.function.Consumer;

/// What comes from a worker over its [WorkerChannel] and concerns the worker, not one of its calls.
/// On the loop's or the clock's thread; must not block.
public interface ChannelListener {
  /// The worker is there and says what it can do.
  void opened(WorkerChannel channel);

  /// The worker says why it ends instead of getting ready.
  void failed(StopReason.StartFailed why);

  /// The worker has ended a call.
  void ended(Exchange call);

  /// A call that was taken in was not sent: its caller had given up.
  void dropped(Exchange call);

  /// The worker did not end a call that it was to end.
  void unresponsive(StopReason.Unresponsive why);

  /// Somebody wants to know where the worker is: its stacks, by another way than the channel.
  void dump(Consumer<String> answer);

  /// The worker closed its end, which it may have done because it exits.
  void hungUp(StopReason why);

  /// The worker said something that it must not say.
  void broke(StopReason.BrokeProtocol why);

  /// The worker has no more to say: all that it said has been read, or never will be.
  void silent();
}
