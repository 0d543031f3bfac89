package dev.terrarium.worker;

import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;

/// Runs each task on a thread of its own, a daemon; where none can be made, on the caller's, before
/// it returns: what an end has to do is done, only not side by side. A caller's interrupt does not
/// reach the task, and stays set.
public final class Aside implements Executor {
  private final ThreadFactory threads;

  /// @param name of the threads
  public Aside(String name) {
    this(Thread.ofPlatform().daemon().name(name).factory());
  }

  Aside(ThreadFactory threads) {
    this.threads = threads;
  }

  @Override
  public void execute(Runnable task) {
    try {
      threads.newThread(task).start();
    } catch (OutOfMemoryError e) { // "unable to create native thread"
      runHere(task);
    }
  }

  private static void runHere(Runnable task) {
    boolean interrupted = Thread.interrupted();
    try {
      task.run();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
