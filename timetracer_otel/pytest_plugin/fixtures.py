"""What stands behind the fixtures and the marker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from timetracer_otel.errors import TimetracerError
from timetracer_otel.pytest_plugin import MODES, mode_of
from timetracer_otel.pytest_plugin.cassettes import CassetteBlock, cassette_path, own_name, settings_for
from timetracer_otel.pytest_plugin.ends import blocks_of

_OLD_MODES = {"new_episodes": "auto"}
"""What modes of a marker are called in the ``timetracer`` package."""


class Blocks:
    """Opens the blocks of one test.

    Args:
        request: of the fixture.
        folder: where its cassettes are.
    """

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._item = request.node
        self._config = request.config
        self._folder = folder

    def open(
        self,
        name: str | Path | None,
        mode: str,
        *,
        allow_unused: bool = False,
        settings: dict[str, Any] | None = None,
    ) -> CassetteBlock:
        """A block with the cassette of that name, ``None``: the test's own."""
        path = cassette_path(self._folder, self._own_name() if name is None else name)
        given = {key: value for key, value in (settings or {}).items() if value is not None}
        block = CassetteBlock(
            path,
            "off" if mode_of(self._config) == "off" else mode,
            settings_for(self._folder, self._config.getini("timetracer_app_hosts"), given),
            allow_unused=allow_unused,
            network=not self._config.getoption("block_network", False),
        )
        blocks_of(self._item).append(block)
        return block

    def _own_name(self) -> str:
        return own_name(self._item.path.stem, self._item.nodeid.partition("::")[2])


class Replayer(Blocks):
    """What the fixture ``timetracer_replay`` is."""

    def __call__(
        self,
        name: str | Path | None = None,
        strict: bool = True,
        plugins: Sequence[str] | None = None,
        *,
        allow_unused: bool = False,
        **settings: Any,
    ) -> CassetteBlock:
        """A block that answers every call from a cassette.

        Args:
            name: of the cassette, below the folder of cassettes; the test's own by default.
            strict: false allows unused calls, and lets calls through that nothing recorded answers.
            plugins: the integrations that are answered, others are live; all by default.
            allow_unused: recorded calls need not happen again.
            settings: as in ``[tool.timetracer]``.

        Raises:
            CassetteError: there is no such cassette, or it cannot be read.
        """
        settings.setdefault("mock_plugins", plugins)
        if not strict:
            settings.setdefault("on_miss", "passthrough")
        return self.open(name, "replay", allow_unused=allow_unused or not strict, settings=settings)


class Recorder(Blocks):
    """What the fixture ``timetracer_record`` is."""

    def __call__(
        self,
        cassette_name: str | Path | None = None,
        plugins: Sequence[str] | None = None,
        use_tmp: bool = False,
        **settings: Any,
    ) -> CassetteBlock:
        """A block that records every call to a cassette; in a run that must not record, that replays it.

        Args:
            cassette_name: below the folder of cassettes; the test's own by default.
            plugins: taken for the sake of the ``timetracer`` package; every library is recorded.
            use_tmp: write it to the test's temporary folder.
            settings: as in ``[tool.timetracer]``.
        """
        mode = mode_of(self._config)
        if use_tmp:
            self._folder = self._item.funcargs.get("tmp_path") or self._temporary()
        return self.open(cassette_name, "record" if mode == "auto" else mode, settings=settings)

    def _temporary(self) -> Path:
        path: Path = self._item._request.getfixturevalue("tmp_path")
        return path


class Automatic(Blocks):
    """What the fixture ``timetracer_auto`` is."""

    whole: CassetteBlock | None = None
    """The block of the whole test, where that is one."""
    missing: TimetracerError | None = None
    """Why there is no such block."""

    def __call__(
        self,
        cassette_name: str | Path | None = None,
        plugins: Sequence[str] | None = None,
        *,
        allow_unused: bool = False,
        **settings: Any,
    ) -> CassetteBlock:
        """A block that replays a cassette, or records it when it is missing.

        Args:
            cassette_name: below the folder of cassettes; the test's own by default.
            plugins: the integrations that are answered in a replay, others are live; all by default.
            allow_unused: recorded calls need not happen again.
            settings: as in ``[tool.timetracer]``.

        Raises:
            CassetteError: the run must not record, and there is no such cassette; or it cannot be read.
        """
        self.missing = None
        if self.whole is not None:
            self.whole.void = True
        settings.setdefault("mock_plugins", plugins)
        return self.open(cassette_name, mode_of(self._config), allow_unused=allow_unused, settings=settings)


def automatic(request: pytest.FixtureRequest, folder: Path) -> Iterator[Automatic]:
    """The fixture ``timetracer_auto``: a block around the test, until the test opens one itself."""
    fixture = Automatic(request, folder)
    try:
        fixture.whole = fixture.open(None, mode_of(request.config))
    except TimetracerError as error:
        fixture.missing = error
    if fixture.whole is not None:
        with fixture.whole:
            yield fixture
        return
    yield fixture
    if fixture.missing is not None:  # the test did not open a block itself
        pytest.fail(str(fixture.missing), pytrace=False)


def marked(request: pytest.FixtureRequest, folder: Path) -> Iterator[None]:
    """The block around a test with the marker."""
    marker = request.node.get_closest_marker("cassette")
    block, wrong = None, ""
    try:
        block = _of_marker(Blocks(request, folder), mode_of(request.config), *marker.args, **marker.kwargs)
    except TypeError as error:
        wrong = f"@pytest.mark.cassette: {str(error).removeprefix('_of_marker() ')}"
    except TimetracerError as error:
        wrong = str(error)
    if block is None:
        pytest.fail(wrong, pytrace=False)
    with block:
        yield


def _of_marker(
    blocks: Blocks,
    run: str,
    /,
    name: str | Path | None = None,
    *,
    path: str | Path | None = None,
    mode: str | None = None,
    allow_unused: bool = False,
    **settings: Any,
) -> CassetteBlock:
    if mode is not None:
        mode = _OLD_MODES.get(mode, mode)
        if mode not in MODES:
            raise TypeError(f"mode is {mode!r}; allowed is one of {', '.join(MODES)}")
    # what the marker says is for this test; but a run that must not record does not
    chosen = run if mode is None or run in ("off", "replay") else mode
    return blocks.open(name if path is None else path, chosen, allow_unused=allow_unused, settings=settings)
