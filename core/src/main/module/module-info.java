/// Pools of Python workers for the JVM.
///
/// A program in a module of its own opens the packages of its records to this one alone: it opens
/// them further to the data binding. Run it with `--enable-native-access=dev.terrarium`.
module dev.terrarium {
  requires jdk.net;
  requires org.slf4j;
  requires tools.jackson.core;
  requires transitive tools.jackson.databind; // a pool takes a mapper
  requires static org.jspecify;

  exports dev.terrarium;
  exports dev.terrarium.event;
  exports dev.terrarium.orphan;
  exports dev.terrarium.process; // who a process is, as orphans and events tell it

  // Parts that the command and the trials look at.
  exports dev.terrarium.base to
      dev.terrarium.cli;
  exports dev.terrarium.control to
      dev.terrarium.cli;
  exports dev.terrarium.registry to
      dev.terrarium.cli,
      dev.terrarium.trials;
  exports dev.terrarium.warden to
      dev.terrarium.cli;
}
