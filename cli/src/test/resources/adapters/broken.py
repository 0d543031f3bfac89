"""Is no Python."""

def broken(:
