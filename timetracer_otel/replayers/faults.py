"""What if a call failed: which calls, and what becomes of them, as one line says it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec

from timetracer_otel.cassette import Call
from timetracer_otel.config import Settings
from timetracer_otel.errors import ConfigurationError
from timetracer_otel.integrations import families, load
from timetracer_otel.messages import Answer, Failure, Request, SqlStatement
from timetracer_otel.replayers import failing

_DELAY: Final = re.compile(r"delay (\d+(?:\.\d+)?) ?(ms|s)", re.I)
_STATUS: Final = re.compile(r"status ([1-9]\d\d)(?: (.*))?", re.I | re.S)
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*(?: [a-z]+)?")
_FAMILIES: Final = {"sql": "db", "mongo": "mongodb"}
_EXAMPLE: Final = "give it as 'TARGET PATTERN: EFFECT', as in 'http GET */rates: timeout'"
MAX_DELAY: Final = 3600.0
"""Seconds."""


class Fault(msgspec.Struct, frozen=True):
    """One thing that goes wrong in a replay.

    Attributes:
        target: an integration or a family: ``httpx``, ``http``, ``db``.
        pattern: which of its calls, a glob on what they are called: ``GET */rates``.
        effect: ``fail`` (an exception, by kind or name), ``delay``, ``status``, ``answer`` or ``empty``.
        value: the exception's kind or name, the seconds, the status, or the answer.
        body: of a ``status``, its body.
        text: as it was given.
    """

    target: str
    pattern: str
    effect: Literal["fail", "delay", "status", "answer", "empty"]
    value: str
    body: str = ""
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Fault:
        """The fault of a line such as ``redis *: ConnectionError``.

        Raises:
            ConfigurationError: it is not such a line.
        """
        call, colon, effect = text.strip().rpartition(": ")
        if colon and (found := re.search(r": (?=(?:status|answer) )", text)):
            call, effect = text[: found.start()].strip(), text[found.end() :]
        target, _, pattern = call.strip().partition(" ")
        effect = effect.strip()
        if not colon or not target or not effect:
            raise ConfigurationError(f"the fault {text[:100]!r} is malformed; {_EXAMPLE}")
        target = _FAMILIES.get(target.lower(), target.lower())
        known = {name for one in families().items() for name in one if name}
        if target not in known:
            raise ConfigurationError(
                f"the fault {text[:100]!r} is of {target[:40]!r}, which is no integration or family;"
                f" known are {', '.join(sorted(known))}"
            )
        return cls(target, pattern.strip() or "*", *_effect(text, effect), text=text.strip())

    def applies_to(self, integration: str, family: str, request: Request) -> bool:
        """True for the calls that it is about.

        Args:
            integration: who makes the call.
            family: of its message.
            request: what it asks.
        """
        if self.target not in (integration, family):
            return False
        title = request.title()
        if self.pattern == "*":  # what goes wrong is about data
            return not (isinstance(request, SqlStatement) and request.controls_transaction)
        pattern = self.pattern.lower()
        names = {title.lower(), title.partition("?")[0].lower()}
        return any(fnmatch.fnmatchcase(name, form) for name in names for form in (pattern, f"{pattern} *"))

    def outcome(
        self, caller: object, request: Request, recorded: Answer | Failure | None
    ) -> Answer | Failure | None:
        """What the call comes to.

        Args:
            caller: the integration.
            request: what it asks.
            recorded: what was answered when it was recorded.

        Raises:
            ConfigurationError: the library can come to nothing of the kind.
        """
        if self.effect == "delay":
            return recorded
        if self.effect == "fail":
            found = failing.failure(caller, self.value, recorded)
            if found is None:
                can = ", ".join(failing.kinds(caller)) or "nothing that is known here"
                name = getattr(caller, "name", self.target)
                raise ConfigurationError(f"the fault {self.text!r}: {name} cannot raise that; it can: {can}")
            return found
        found = failing.changed(self.effect, self.value, self.body, request, recorded)
        if found is None:
            raise ConfigurationError(
                f"the fault {self.text!r}: {request.family} has no {self.effect}; see docs/what-if.md"
            )
        return found

    @property
    def seconds(self) -> float:
        """How long the answer is waited for beyond the usual."""
        return float(self.value) if self.effect == "delay" else 0.0


def _effect(text: str, effect: str) -> tuple[Literal["fail", "delay", "status", "answer", "empty"], str, str]:
    if delay := _DELAY.fullmatch(effect):
        seconds = float(delay[1]) / (1000 if delay[2].lower() == "ms" else 1)
        if seconds > MAX_DELAY:
            raise ConfigurationError(f"the fault {text[:100]!r} delays by more than {MAX_DELAY:.0f} seconds")
        return "delay", str(seconds), ""
    if status := _STATUS.fullmatch(effect):
        return "status", status[1], status[2] or ""
    if effect.lower().startswith("answer "):
        return "answer", effect[7:], ""
    if effect.lower() == "empty":
        return "empty", "", ""
    if not _NAME.fullmatch(effect) or effect.lower().startswith(("delay", "status")):
        raise ConfigurationError(
            f"the fault {text[:100]!r} has no effect that is known: a kind or name of an exception,"
            " 'delay 2s', 'status 503', 'answer TEXT' or 'empty'"
        )
    return "fail", effect, ""


class Faults:
    """The faults of a replay.

    Args:
        faults: lines, or what :meth:`Fault.parse` made of them.

    Raises:
        ConfigurationError: a line is malformed.
    """

    def __init__(self, faults: Iterable[Fault | str]) -> None:
        self.all = [Fault.parse(one) if isinstance(one, str) else one for one in faults]

    @classmethod
    def from_settings(cls, settings: Settings) -> Faults:
        """By ``TIMETRACER_FAULTS``."""
        return cls(line for line in settings.faults.split(";") if line.strip())

    def of(self, integration: str, family: str, request: Request) -> Fault | None:
        """The first that is about that call."""
        applying = (fault for fault in self.all if fault.applies_to(integration, family, request))
        return next(applying, None)

    def check(self, calls: Sequence[Call], *, loaded_only: bool = False) -> None:
        """Refuse what the libraries of those recorded calls cannot come to.

        Args:
            calls: the recorded calls.
            loaded_only: leave out libraries that the app has not loaded yet: what they raise is not known.

        Raises:
            ConfigurationError: see there.
        """
        for call in calls if self.all else ():
            for fault in self.all:
                request, caller = call.request, load(call.integration)
                if (
                    request is not None
                    and caller is not None
                    and not (loaded_only and fault.effect == "fail" and not failing.is_loaded(caller))
                    and fault.applies_to(call.integration, call.family, request)
                ):
                    fault.outcome(caller, request, call.answer)


def times(count: int) -> str:
    """``happened twice`` and the like."""
    if not count:
        return "never happened"
    return "happened once" if count == 1 else f"happened {count} times"
