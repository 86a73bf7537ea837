"""The spans of one entry, its dependency calls, and what could not be recorded."""

from timetracer_otel.cassette.call import Call
from timetracer_otel.cassette.cassette import VERSION, Cassette, answers_with_errors
from timetracer_otel.cassette.gaps import STRUCTURE_ONLY, Gap

__all__ = ["STRUCTURE_ONLY", "VERSION", "Call", "Cassette", "Gap", "answers_with_errors"]
