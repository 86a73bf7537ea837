"""Which paths are not recorded."""

from __future__ import annotations

import pytest

from timetracer_otel.messages.http import split_url
from timetracer_otel.messages.paths import path_excluded


@pytest.mark.parametrize(
    ("path", "excluded"),
    [
        ("/health", True),
        ("/health/live", True),
        ("/health?deep=1", True),
        ("/healthy", False),
        ("/api/internal", True),
        ("/api/internal/jobs/7", True),
        ("/v1/health", False),
        ("/", False),
    ],
)
def test_a_glob_excludes_a_path_and_what_is_below_it(path: str, excluded: bool) -> None:
    assert path_excluded(f"http://shop{path}", ("/health", "/*/internal")) is excluded


def test_the_root_excludes_itself() -> None:
    assert (path_excluded("http://shop/", ("/",)), path_excluded("http://shop/a", ("/",))) == (True, False)


@pytest.mark.parametrize("host", ["[::1", "shop:port", "]", "a b", ""])
def test_the_path_is_known_whatever_the_host_is(host: str) -> None:
    """A client may send any ``Host``."""
    parts = split_url(f"http://{host}/health/live?deep=1#top")
    assert (parts.scheme, parts.hostname or "", parts.path, parts.query) == (
        "http",
        host if host == "a b" else "",
        "/health/live",
        "deep=1",
    )
    assert path_excluded(f"http://{host}/health/live", ("/health",))
