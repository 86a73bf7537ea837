"""The entry that a consumer's poll begins: it lasts until the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from opentelemetry import trace

from timetracer_otel import ports
from timetracer_otel.integrations.base import Integration, Invocation
from timetracer_otel.integrations.entries import activated, safely
from timetracer_otel.messages import Answer, FunctionCall, FunctionResult, KafkaRecords, Request


class Asked(Invocation, frozen=True):
    """A question to a broker that is a call of a function.

    Attributes:
        asked: the question.
        read: makes data of the library's result.
        make: the reverse.
    """

    asked: FunctionCall
    read: Callable[[Any], Any]
    make: Callable[[Any], Any]


class Questions(Integration):
    """What a client asks of its brokers beside records: commits, transactions."""

    family: ClassVar[str] = "function"

    def __init__(self, of: Integration) -> None:
        self.name = of.name  # type: ignore[misc]  # that of the library whose calls they are
        self._of = of

    def points(self) -> tuple[()]:
        """None of its own."""
        return ()

    def begin(self, asked: FunctionCall) -> ports.Exchange | None:
        """Begin what apps do whenever they like (flush, start): a replay answers one that is recorded, and
        needs no recording of it; outside of everything that is recorded it says nothing.
        """
        port = ports.current()
        if port is None:
            return None
        if port.replaying and not port.live(self):
            pending = (one for one in port.pending_requests(self) if isinstance(one, FunctionCall))
            recorded = next((one for one in pending if one.name == asked.name), None)
            return None if recorded is None else port.begin(self, recorded)
        if not trace.get_current_span().get_span_context().is_valid:
            return None
        return port.begin(self, asked)

    def request(self, call: Invocation) -> Request:
        """The question."""
        assert isinstance(call, Asked)
        return call.asked

    def answer(self, result: Any, call: Invocation) -> FunctionResult:
        """What was said."""
        assert isinstance(call, Asked)
        return FunctionResult(call.read(result))

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        """The same in the library's classes."""
        assert isinstance(call, Asked)
        assert isinstance(answer, FunctionResult)
        return call.make(answer.value)

    def exception_classes(self) -> Any:
        """Those of the library."""
        return self._of.exception_classes()

    def failure(self, error: BaseException, call: Invocation) -> Any:
        """As the library's own integration has it."""
        return self._of.failure(error, call)

    def rebuild_failure(self, failure: Any, call: Invocation) -> BaseException:
        """As the library's own integration has it."""
        return self._of.rebuild_failure(failure, call)


class Polled:
    """What one consumer works on.

    Args:
        caller: the integration that saw it.
    """

    __slots__ = ("_active", "_caller", "_entry")

    def __init__(self, caller: ports.Caller) -> None:
        self._caller = caller
        self._entry: ports.Inbound | None = None
        self._active: activated | None = None

    def begin(self, message: KafkaRecords) -> None:
        """A poll gave this.

        Raises:
            MissError: in replay, when no cassette recorded it.
        """
        port = ports.entry_port()
        if port is None:
            return
        entry = safely(port.receive, self._caller, message, traced=False, headers=_headers(message))
        if entry is not None:
            self._entry, self._active = entry, activated(entry)
            self._active.__enter__()

    def end(self, error: BaseException | None = None) -> None:
        """The next poll, or the end of the consumer."""
        entry, active = self._entry, self._active
        self._entry = self._active = None
        if entry is None or active is None:
            return
        if error is not None:
            safely(entry.failed, error)
        active.__exit__(None, None, None)
        safely(entry.close)


def _headers(message: KafkaRecords) -> dict[str, str]:
    found: dict[str, str] = {}
    if not message.batch:  # several records come from several traces
        for name, value in message.records[0].headers or ():
            if isinstance(value, bytes):
                found[str(name)] = value.decode("utf-8", "replace")
    return found


def answers(caller: ports.Caller) -> bool:
    """True in a replay that mocks that integration: no broker may be contacted."""
    port = ports.current() or ports.process_port()
    return port is not None and port.replaying and not port.live(caller)


def accepts(topics: Iterable[str] | None, *, batch: bool) -> Callable[[Request], bool]:
    """Whether a recorded message is for a consumer of those topics (``None``: of any)."""
    wanted = None if topics is None else set(topics)

    def accept(message: Request) -> bool:
        return (
            isinstance(message, KafkaRecords)
            and message.batch == batch
            and (wanted is None or all(record.topic in wanted for record in message.records))
        )

    return accept
