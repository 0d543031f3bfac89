package dev.terrarium.cli.demo;

import java.util.List;

/// The standard library of the workers' interpreter: the dataclass of `modulestats.py`.
record Library(String python, String folder, List<String> files) {}
