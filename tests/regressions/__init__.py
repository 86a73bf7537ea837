"""A service is changed, its cassettes are replayed, and what changed is said."""
