"""What an app's own hooks ask to set up a connection that was just made: types to register, settings.

That is part of no request: which one needs a new connection is chance. Each question is kept once, with its
answer, and answers whenever a hook asks it in a replay.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from timetracer_otel import ports, values
from timetracer_otel.messages import Answer, Failure, Request, SqlResult, SqlStatement, read_answer

if TYPE_CHECKING:
    from timetracer_otel.ports import Caller, Exchange, Port

SET_UP = "set_up"
"""Where what a connection learned of its server says what its hooks asked."""
_LIMIT = 64 * 1024
_READS = ("select", "with", "show", "values", "table")


class Asked(msgspec.Struct):
    """What was asked, and what came of it."""

    caller: Caller
    request: Request
    answer: Answer | Failure
    gaps: list[tuple[str, str]]


class SettingUp:
    """Stands before a port while a connection is set up. Implements :class:`~timetracer_otel.ports.Port`.

    Recording, it keeps what is asked.

    Args:
        port: the one behind it.
        failures: keep what failed as well, which is not tried again.
    """

    pace = False

    def __init__(self, port: Port, *, failures: bool = False) -> None:
        self._port = port
        self._failures = failures
        self.replaying = port.replaying
        self.body_limit = port.body_limit
        self.asked: list[Asked] = []

    def live(self, caller: Caller) -> bool:
        """As without it."""
        return self._port.live(caller)

    def begin(self, caller: Caller, request: Request, span: Any = None) -> Exchange:
        """A call of the hook's."""
        return _Kept(self.asked, caller, request, failures=self._failures)

    def recorded_requests(self, caller: Caller) -> Iterable[Request]:
        """As without it."""
        return self._port.recorded_requests(caller)

    def pending_requests(self, caller: Caller, *, everywhere: bool = False) -> Iterable[Request]:
        """None: a hook asks what it always asks."""
        return ()

    async def await_cancellation(self, title: str) -> None:
        """As without it."""
        await self._port.await_cancellation(title)

    def new_lane(self) -> Any:
        """What a hook starts is nobody's, too."""
        return None

    def lost(self, where: str, why: str) -> None:
        """As without it."""
        self._port.lost(where, why)


class _Kept:
    def __init__(self, asked: list[Asked], caller: Caller, request: Request, *, failures: bool) -> None:
        self.recorded: Answer | Failure | None = None
        self._asked = asked
        self._caller = caller
        self._request = request
        self._failures = failures
        self._gaps: list[tuple[str, str]] = []
        self._inside = ports.inside()

    def __enter__(self) -> Self:
        self._inside.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.__exit__(kind, error, trace)

    def finish(self, answer: Answer | Failure | None) -> None:
        if answer is not None and (self._failures or not isinstance(answer, Failure)):
            self._asked.append(Asked(self._caller, self._request, answer, self._gaps))

    def reading(self, so_far: Any) -> None:
        """It is read before the connection is set up."""

    def gap(self, kind: str, detail: str) -> None:
        self._gaps.append((kind, detail))


class AsRecorded(SettingUp):
    """The same in a replay. A hook whose questions were not recorded is told nothing.

    Args:
        port: the one behind it.
        answers: what was answered, as :func:`written` has it.
    """

    def __init__(self, port: Port, answers: dict[str, Any]) -> None:
        super().__init__(port)
        self._answers = answers

    def begin(self, caller: Caller, request: Request, span: Any = None) -> Exchange:
        """A call of the hook's: what was answered, or nothing."""
        known = self._answers.get(_key(request))
        answer = read_answer(request.family, known) if isinstance(known, dict) else None
        return _Given(_nothing(request) if answer is None else answer)


class _Given:
    def __init__(self, answer: Answer | Failure) -> None:
        self.recorded: Answer | Failure | None = answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def finish(self, answer: Answer | Failure | None) -> None:
        """It is known."""

    def reading(self, so_far: Any) -> None:
        """It is known."""

    def gap(self, kind: str, detail: str) -> None:
        """Nothing is recorded."""


def _nothing(request: Request) -> Answer:
    text = request.text.lstrip().lower() if isinstance(request, SqlStatement) else ""
    if text.startswith(_READS):
        return SqlResult(columns=[], extra={"shape": {"status": 2}})
    return SqlResult()


def written(asked: Iterable[Asked], known: dict[str, Any]) -> dict[str, Any]:
    """What was asked, as plain data: each question once, as far as there is room.

    Args:
        asked: what was asked now.
        known: what is known by now; it is given back where nothing is new.
    """
    found = dict(known)
    for one in asked:
        found.setdefault(_key(one.request), one.answer.attributes())
    if len(found) == len(known) or len(values.dumps(found)) > _LIMIT:
        return known
    return found


def _key(request: Request) -> str:
    return hashlib.sha256(values.canonical(request.canonical())).hexdigest()[:16]


@contextlib.contextmanager
def standing(port: Port) -> Iterator[None]:
    """That port is asked here, though it be within a call that is already seen."""
    token = ports.session.set(port)
    try:
        with ports.outside():
            yield
    finally:
        ports.session.reset(token)
