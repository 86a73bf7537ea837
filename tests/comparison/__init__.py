"""The engine that compares two runs."""
