package dev.terrarium.cli.demo;

import org.jspecify.annotations.Nullable;

/// One module in numbers: the dataclass of `modulestats.py`.
///
/// @param docwords words in docstrings
/// @param longest its longest function, null where it has none
record ModuleStats(
    String module, int lines, int functions, int classes, int docwords, @Nullable Longest longest) {
  record Longest(String name, int lines) {}
}
