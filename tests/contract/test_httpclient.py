"""``http.client`` as libraries of other times ask it."""

from __future__ import annotations

from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import timetracer_otel
from tests.services.upstream import Upstream


def test_an_answer_that_was_asked_for_as_in_python_2_first(tmp_path: Path, upstream: Upstream) -> None:
    """urllib3 1.26 does so, and asks again when that is a ``TypeError``."""
    address = urlsplit(upstream.url)

    def ask() -> tuple[int, bytes]:
        assert address.hostname is not None
        connection = HTTPConnection(address.hostname, address.port)
        connection.request("GET", "/json/one")
        with pytest.raises(TypeError):
            connection.getresponse(buffering=True)  # type: ignore[call-arg]  # there is no such argument
        response = connection.getresponse()
        return response.status, response.read()

    with timetracer_otel.record(tmp_path, name="tea"):
        live = ask()
    upstream.stop()
    with timetracer_otel.replay(tmp_path):
        assert ask() == live
