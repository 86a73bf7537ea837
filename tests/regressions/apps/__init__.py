"""One shop behind three frameworks, as it was recorded and as it is after changes."""
