package dev.terrarium.call;

/// Makes the channels of a pool's workers.
public interface Transport {
  /// A worker that is not there yet.
  interface Expected {
    /// What the worker is to show, once: a secret.
    String token();

    /// The worker is not wanted any more; it may be about to come, and is sent away then.
    void dismiss();

    /// The worker cannot come any more.
    void revoke();
  }

  /// Prepares for a worker.
  ///
  /// @param listener hears when it is there, and all that comes from it then
  Expected expect(PooledWorker worker, ChannelListener listener);
}
