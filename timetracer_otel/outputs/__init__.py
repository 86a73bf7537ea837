"""Cassettes in the formats of other tools, and on their way to a tracing backend."""
