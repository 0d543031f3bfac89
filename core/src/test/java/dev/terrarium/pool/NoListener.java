package dev.terrarium.pool;

import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.WorkerEnd;
import dev.terrarium.call.WorkerListener;

/// For workers that belong to no pool.
final class NoListener implements WorkerListener {
  @Override
  public void ready(PooledWorker worker) {}

  @Override
  public void callEnded(PooledWorker worker, Exchange call) {}

  @Override
  public void unavailable(PooledWorker worker) {}

  @Override
  public void forced(PooledWorker worker) {}

  @Override
  public void gone(PooledWorker worker, WorkerEnd end) {}
}
