package dev.terrarium.registry;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.RunId;
import java.util.Optional;

/// Whose a run is: which JVM, on which boot, in which PID namespace, of which user.
///
/// @param birthmark empty where the machine left no room for one
/// @param host the JVM
/// @param pidNamespace such as `pid:[4026531836]`; pids mean nothing outside of it
public record RunIdentity(
    RunId run, Optional<Birthmark> birthmark, ProcessIdentity host, String pidNamespace, long uid) {

  /// A run of this JVM.
  public static RunIdentity here(RunId run, Optional<Birthmark> birthmark) {
    return new RunIdentity(
        run, birthmark, ProcessIdentity.self(), ProcFs.pidNamespace(), ProcFs.ownUid());
  }

  /// Does the machine still run the boot in which the run was? If not, nothing of it lives.
  public boolean sameBoot() {
    return host.bootId().equals(ProcessIdentity.currentBoot());
  }

  public boolean samePidNamespace() {
    return pidNamespace.equals(ProcFs.pidNamespace());
  }

  public boolean sameUser() {
    return uid == ProcFs.ownUid();
  }
}
