"""The cassette of a test: where it is, and the block in which it is recorded or replayed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec

from timetracer_otel import api, config
from timetracer_otel import attributes as names
from timetracer_otel.cassette import Call
from timetracer_otel.config import Settings
from timetracer_otel.errors import CassetteNotFound, MissError, UnusedCallsError
from timetracer_otel.pytest_plugin.calls import titles
from timetracer_otel.replayers.capture import folder_beside
from timetracer_otel.replayers.livecalls import LiveCall
from timetracer_otel.replayers.session import Session
from timetracer_otel.steady import FileStore

SUFFIXES: Final = frozenset({".json", ".pb", ".gz", ".zst"})
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST: Final = 120

Doing = Literal["record", "replay", "off"]


class CassetteBlock:
    """A block of a test in which its calls are recorded to its cassette, or answered from it.

    Args:
        path: the cassette.
        mode: what the run asks for, one of :data:`.MODES`.
        settings: of the recorder, or of the replay.
        allow_unused: recorded calls need not happen again.
        network: the outside world may be reached, so a cassette that is missing may be recorded.
    """

    def __init__(
        self, path: Path, mode: str, settings: Settings, *, allow_unused: bool = False, network: bool = True
    ) -> None:
        self.path = path
        self.allow_unused = allow_unused
        self.doing: Doing = _doing(path, mode)
        """What the block does: ``record``, ``replay`` or ``off``."""
        self.recording: api.record | None = None
        self.session: Session | None = None
        self.void = False
        """What happens in the block is of no interest any more."""
        self.failed = False
        """The test failed, so its recording is not kept."""
        self._replay: api.replay | None = None
        self._judged: set[int] = set()
        if self.doing == "record":
            if not network:
                raise CassetteNotFound(
                    f"{path}: there is no such cassette, and the network is blocked;"
                    " record it without --block-network"
                )
            self.recording = api.record(file=path, name=path.name, settings=settings, whole_process=True)
            self._store(self.recording).fresh = mode == "rewrite"
        elif self.doing == "replay":
            if not path.exists():
                raise CassetteNotFound(
                    f"{path}: there is no such cassette; record it with --timetracer-mode=auto, with what the"
                    " test calls running"
                )
            self._replay = api.replay(path, settings=settings, whole_process=True)
            self.session = self._replay.session
            self.session.captures = FileStore(folder_beside(path.parent) / path.name, path.name)

    def __enter__(self) -> Self:
        if self.recording is not None:
            self.recording.__enter__()
        if self._replay is not None:
            self._replay.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the cassette, or say what was not as recorded.

        Raises:
            MissError: a call found no answer.
            UnusedCallsError: a recorded call did not happen.
        """
        if self.recording is not None:
            if self.void or self.failed or kind is not None:
                self.recording.discard()
            self.recording.__exit__(kind, error, trace)
        if self._replay is not None:
            # what there is to say is said below, of all calls
            self._replay.__exit__(kind, error or _Quiet(), trace)
            if kind is None and not self.failed:
                self.check()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def ends_here(self) -> None:
        """The test is done; what follows in the block are the ends of its fixtures."""
        if self.recording is not None:
            self.recording.note(names.TEST_CALLS, self.recording.calls)

    def check(self, *, of_test: bool = False) -> None:
        """Look whether all was as recorded; what was said once is not said again.

        Args:
            of_test: the calls of the test only, not those of the ends of its fixtures.

        Raises:
            MissError: a call found no answer.
            UnusedCallsError: a recorded call did not happen.
        """
        if self.session is None or self.void:
            return
        if lines := self.missed():
            raise MissError("\n".join(lines))
        last = self.session.cassettes[0].entry.attributes.get(names.TEST_CALLS)
        unused = [
            call
            for call in ([] if self.allow_unused else self.session.unused)
            if id(call) not in self._judged and not (of_test and isinstance(last, int) and call.index > last)
        ]
        self._judged.update(map(id, unused))
        if unused:
            raise UnusedCallsError(_unused_text(unused, self.path))

    def missed(self) -> list[str]:
        """What is to say of calls that found no answer, and was not said."""
        if self.session is None or self.session.settings.misses_go_out:
            return []
        found = [call for call in self.session.misses if id(call) not in self._judged]
        self._judged.update(map(id, found))
        return [call.explanation for call in found]

    @property
    def written(self) -> list[Path]:
        """The files that were written: the cassette, or a copy of it with what was captured."""
        if self.recording is not None:
            path = self.recording.path
            return [path] if path is not None and self._store(self.recording).changed else []
        captured = None if self.session is None else self.session.captured_to
        return [] if captured is None else [captured]

    # for the test

    @property
    def calls(self) -> list[str]:
        """The titles of the calls that were answered, in the order they were recorded in; then those that
        were let through or found no answer. Empty while recording.
        """
        return titles([] if self.session is None else self.session.calls)

    @property
    def misses(self) -> list[LiveCall]:
        """Calls that found no answer."""
        return [] if self.session is None else self.session.misses

    @property
    def unused(self) -> list[Call]:
        """Recorded calls that did not happen."""
        return [] if self.session is None else self.session.unused

    def _store(self, recording: api.record) -> FileStore:
        store = recording.store
        assert isinstance(store, FileStore)
        return store


class _Quiet(Exception):
    """Stands for an error, so that a replay says nothing of its own when it ends."""


def _doing(path: Path, mode: str) -> Doing:
    if mode == "off":
        return "off"
    if mode == "auto":
        return "replay" if path.exists() else "record"
    return "replay" if mode == "replay" else "record"


def _unused_text(unused: list[Call], path: Path) -> str:
    lines = [
        f"recorded and not called: {'unknown' if call.request is None else call.request.title()[:300]}"
        for call in unused[:10]
    ]
    more = f"\nand {len(unused) - 10} more" if len(unused) > 10 else ""
    return (
        "\n".join(lines)
        + more
        + f"\n({path}; record it again with --timetracer-mode=record, or allow it with allow_unused=True)"
    )


def settings_for(folder: Path, app_hosts: list[str], given: dict[str, Any]) -> Settings:
    """The settings of a test's block: those of the project, whose sampling is for services.

    Raises:
        ConfigurationError: one is malformed.
    """
    settings = config.load(dir=folder, **given)
    return msgspec.structs.replace(
        settings, sample_rate=1.0, errors_only=False, app_hosts=(*settings.app_hosts, *app_hosts)
    )


def cassette_path(folder: Path, name: str | Path) -> Path:
    """The file of that name; ``.json`` need not be given."""
    path = folder / name
    return path if path.suffix in SUFFIXES else path.with_name(f"{path.name}.json")


def own_name(module: str, rest: str) -> str:
    """The name of a test's own cassette: ``test_orders/TestOrders.test_get_7``.

    Args:
        module: the name of its module.
        rest: class, function and parameters: ``TestOrders::test_get[7]``.
    """
    plain = rest.replace("::", ".").replace("[", "-").replace("]", "")
    safe = _UNSAFE.sub("_", plain).strip("._")
    if _UNSAFE.search(plain) or len(safe) > _LONGEST:
        # what was left out may be all that tells it from another
        safe = f"{safe[:_LONGEST]}-{hashlib.sha256(plain.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
    return f"{module}/{safe}"
