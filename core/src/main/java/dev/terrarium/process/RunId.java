package dev.terrarium.process;

/// Placeholder while the house is built.
public record RunId(String value) {}
