"""The bench: what is measured, how it is run, and what is written about it."""
