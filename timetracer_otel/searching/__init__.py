"""Finding cassettes by what was said in them: a full-text index of a store, kept in the user's cache."""

from timetracer_otel.searching.index import NEVER, Found, Index, Query

__all__ = ["NEVER", "Found", "Index", "Query"]
