"""Durations in few characters."""


def duration(nanoseconds: float) -> str:
    """``850 µs``, ``3.1 ms``, ``1.24 s``."""
    if abs(nanoseconds) >= 1_000_000_000:
        return f"{nanoseconds / 1_000_000_000:.2f} s"
    if abs(nanoseconds) >= 1_000_000:
        return f"{nanoseconds / 1_000_000:.1f} ms"
    return f"{nanoseconds / 1000:.0f} µs"
