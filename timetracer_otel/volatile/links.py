"""What became of the recorded values in one replay: which value now stands in place of which.

A value that the app was given when it was recorded (by the request that came in, by an answer) is another
one now only where its source gave another one now: it follows its source. A value that the app made
itself, and that can only be random or of its moment, may be another one; the first that stands in its place
is bound to it, and from then on nothing else may. Everything else must be equal.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Any, Final

import msgspec

from timetracer_otel.volatile.origins import ASKED, INBOUND, Origins
from timetracer_otel.volatile.tokens import Atom, Linked, of_value, parts

TOLERANCE: Final = 60.0
"""Seconds by which a moment may be off, beside the time that passed since the recording."""
_NEAR: Final = 400 * 86400.0
"""Seconds from the recording within which a written date may be one of its moment (an expiry, say)."""
_NEAR_NUMBER: Final = 86400.0
"""As above for a number, which may as well be no moment at all."""
_MAX_TAKEN: Final = 10_000
"""Values of earlier rounds that are remembered."""
_IDENTIFIER: Final = re.compile(
    r"(?:^|[_\-.])(?:id|ids|uuid|guid|key|pk|ref|reference|token|number|no|nr|seq|cursor|etag|lastrowid)$",
    re.I,
)
_IDENTIFIER_CAMEL: Final = re.compile(r"[a-z0-9](?:Id|ID|Ids|Key|Ref|Token|Uuid|UUID|Number)$")
_WORDS: Final = re.compile(r"[0-9A-Za-z]+")
_SPLIT: Final = re.compile(r"([0-9A-Za-z]+)")


def names_identifier(name: str) -> bool:
    """True for the name of a field that holds what something is known by: ``id``, ``orderId``."""
    return bool(_IDENTIFIER.search(name) or _IDENTIFIER_CAMEL.search(name))


class Trial(msgspec.Struct):
    """That two sequences of values may stand for each other.

    Attributes:
        bound: what would be bound, by the recorded value's key.
        differs: a value is another one.
        rebound: how many values of an earlier round others would take the place of.
        asked_at: when the recorded call was made, in seconds since 1970.
        again: that call was answered before: this is another round.
        named: fields in which a linked number or word stands.
    """

    bound: dict[Hashable, Atom] = msgspec.field(default_factory=dict)
    differs: bool = False
    named: list[tuple[str, str]] = msgspec.field(default_factory=list)
    rebound: int = 0
    asked_at: float | None = None
    again: bool = False

    @property
    def new(self) -> int:
        """How many values would be bound to another one; one that was bound before counts twice."""
        return sum(key != atom.key for key, atom in self.bound.items()) + self.rebound


class _Text(msgspec.Struct):
    """What became of a number or a word that does not look volatile."""

    now: str
    names: set[str]
    identifier: bool
    ambiguous: bool = False


class Links:
    """The bindings of one replay. Safe to use from several threads.

    Args:
        origins: gives those of the recording, once they are needed.
        recorded: when it was recorded, in seconds since 1970.
        now: when the replay began, in seconds since 1970.
        inbound_seen: the request that came in now is known: what it gave is equal unless
            :meth:`learn` says otherwise. Else a test may have sent any.
        by_chance: gives texts that are random though they look like digests (trace ids, drawn bytes).
        patterns: what they match may be anything.
        clock: gives the time, in seconds since 1970, where what was recorded happens time and again (what an
            app says as it starts, what a background task says in each round). What the app makes itself is
            then another one in each round, and a moment may be that of its call.
    """

    def __init__(
        self,
        origins: Callable[[], Origins],
        *,
        recorded: float,
        now: float,
        inbound_seen: bool = False,
        by_chance: Callable[[], Collection[str]] = frozenset,
        patterns: Sequence[re.Pattern[str]] = (),
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock
        self._origins = origins
        self._recorded = recorded
        self._passed = now - recorded
        self._by_chance = by_chance
        self._bound: dict[Hashable, Atom] = {}
        self._taken: dict[Hashable, Hashable] = {}
        self._texts: dict[str, _Text] = {}
        self._lock = threading.Lock()
        self._patterns = tuple(patterns)
        self.inbound_seen = inbound_seen
        self.active = False
        """A recorded value is another one now."""
        self.linked: Linked | None = Linked(frozenset(), self._patterns) if patterns else None
        """What is set aside though it does not look volatile; another object whenever that is more."""

    # sources

    def learn(self, recorded: Any, live: Any) -> None:
        """The same source gave the first when it was recorded, and the second now.

        Args:
            recorded: nested dicts, lists and scalars.
            live: the same.
        """
        with self._lock:
            before = {was: text.now for was, text in self._texts.items() if not text.ambiguous}
            self._learn(recorded, live, "")
            after = {was: text.now for was, text in self._texts.items() if not text.ambiguous}
            if before != after:
                words = {word for was, now in after.items() if was != now for word in (was, now)}
                self.linked = Linked(frozenset(words), self._patterns)
                self.active = self.active or bool(words)

    def _learn(self, recorded: Any, live: Any, name: str) -> None:
        if isinstance(recorded, dict) and isinstance(live, dict):
            for key, value in recorded.items():
                if key in live:
                    self._learn(value, live[key], key if isinstance(key, str) else "")
        elif isinstance(recorded, list | tuple) and isinstance(live, list | tuple):
            if len(recorded) == len(live):
                for left, right in zip(recorded, live, strict=True):
                    self._learn(left, right, name)
        elif type(recorded) is not type(live) or isinstance(recorded, bool):
            return
        elif isinstance(recorded, str):
            self._learn_text(recorded, live, name)
        elif isinstance(recorded, int) and of_value(recorded) is None:
            self._note(str(recorded), str(live), name)
        else:
            left, right = of_value(recorded, name), of_value(live, name)
            if left is not None and right is not None and left.form == right.form:
                self._bind(left.key, right)

    def _learn_text(self, recorded: str, live: str, name: str) -> None:
        left, right = parts(recorded), parts(live)
        if _fixed(left) == _fixed(right) and len(left) > 1:
            for was, now in zip(left, right, strict=True):
                if isinstance(was, Atom) and isinstance(now, Atom):
                    self._bind(was.key, now)
        elif len(recorded) <= 200 and not re.search(r"\s", recorded + live):
            self._note(recorded, live, name)
        elif recorded != live and _SPLIT.sub("", recorded) == _SPLIT.sub("", live):
            words = zip(_WORDS.findall(recorded), _WORDS.findall(live), strict=False)
            for one, other in words:
                if one != other and any(map(str.isdigit, one)):
                    self._note(one, other, name)

    def _note(self, was: str, now: str, name: str) -> None:
        """A number or a word that does not look volatile became another (or did not)."""
        identifier = names_identifier(name)
        number = was.lstrip("-").isdigit()
        if not identifier and (len(was) < 2 if number else len(was) < 3):
            return  # 0 and 1, yes and no are everywhere
        known = self._texts.get(was)
        if known is None or (identifier and not known.identifier):
            if was != now or identifier or known is None:
                self._texts[was] = _Text(now, {_plain(name)}, identifier)
        elif known.identifier and not identifier:
            pass  # the number of something is no name of it
        elif known.now != now:
            known.ambiguous = True
        else:
            known.names.add(_plain(name))

    def _bind(self, key: Hashable, live: Atom) -> None:
        if self._clock is not None and len(self._taken) >= _MAX_TAKEN:
            del self._taken[next(iter(self._taken))]  # rounds may go on for ever
        self._bound[key] = live
        self._taken[live.key] = key
        if key != live.key:
            self.active = True

    # matching

    def judge(
        self,
        recorded: Sequence[Atom],
        live: Sequence[Atom],
        used: Collection[int] = (),
        *,
        asked_at: float | None = None,
        again: bool = False,
    ) -> Trial | None:
        """Whether these values may stand for each other; ``None``: they may not.

        Args:
            recorded: the atoms of what was recorded.
            live: those of what has the same shape now.
            used: recorded calls that were matched already: what they asked is what it was.
            asked_at: when the recorded call was made, in seconds since 1970.
            again: that call was answered before.
        """
        if len(recorded) != len(live):
            return None
        with self._lock:
            trial = Trial(asked_at=asked_at, again=again)
            taken: dict[Hashable, Hashable] = {}
            for was, now in zip(recorded, live, strict=True):
                if not self._may(was, now, trial, taken, used):
                    return None
            return trial

    def unknown(self, live: Sequence[Atom]) -> int:
        """How many of these values were never seen, then or now: whatever they stand for is bound anew."""
        origins = self._origins()
        with self._lock:
            return len(
                {
                    atom.key
                    for atom in live
                    if atom.kind in ("uuid", "token")
                    and atom.key not in self._taken
                    and origins.of(atom.key) is None
                }
            )

    def commit(self, trial: Trial) -> None:
        """These values do stand for each other."""
        with self._lock:
            for key, atom in trial.bound.items():
                self._bind(key, atom)
            for text, name in trial.named:
                if text in self._texts:
                    self._texts[text].names.add(name)

    def _may(
        self,
        was: Atom,
        now: Atom,
        trial: Trial,
        taken: dict[Hashable, Hashable],
        used: Collection[int],
    ) -> bool:
        if was.kind == "rule":
            trial.differs = trial.differs or was.key != now.key
            return True
        if was.kind == "linked":
            return was.key == now.key or self._followed(was, now, trial)
        bound = trial.bound.get(was.key)
        if bound is None:
            bound = self._bound.get(was.key)
            if bound is not None and self._another_round(was, bound, now, trial):
                trial.rebound += 1
                bound = None
        if bound is not None:
            trial.differs = trial.differs or was.key != now.key
            return bound.key == now.key
        if was.key == now.key:
            if was.kind != "time" and self._taken.get(now.key, was.key) == was.key:
                trial.bound[was.key], taken[now.key] = now, was.key
            return True
        trial.differs = True
        if was.kind == "time":
            return self._of_its_moment(was, now, trial.asked_at)
        other = taken.get(now.key, self._taken.get(now.key, was.key))
        if other != was.key or not self._free(was, now, used):
            return False
        trial.bound[was.key], taken[now.key] = now, was.key
        return True

    def _another_round(self, was: Atom, bound: Atom, now: Atom, trial: Trial) -> bool:
        """What the app made anew before it made anew again, or this is that of a round before."""
        if self._clock is None or bound.key == now.key or was.key in (bound.key, now.key):
            return False
        return trial.again or self._taken.get(now.key) == was.key

    def _followed(self, was: Atom, now: Atom, trial: Trial) -> bool:
        text = self._texts.get(_text_of(was))
        if text is None or text.ambiguous or text.now != _text_of(now):
            return False
        trial.named.append((_text_of(was), _plain(was.name)))
        trial.differs = True
        return True

    def _free(self, was: Atom, now: Atom, used: Collection[int]) -> bool:
        if not (was.free and now.free) and was.key not in self._by_chance():
            return False
        if not self._made(was.key) or not self._made(now.key):
            return False
        # what an earlier call asked and was answered for is what it was
        return self._origins().asked_by(was.key).isdisjoint(used)

    def _made(self, key: Hashable) -> bool:
        """The app made it itself: nobody had given it."""
        where = self._origins().of(key)
        return where in (None, ASKED) or (where == INBOUND and not self.inbound_seen)

    def _of_its_moment(self, was: Atom, now: Atom, asked_at: float | None) -> bool:
        """Both are moments, as far from the recording as from this replay (where it happens time and again,
        as far from their calls, too), or from each other by nothing.
        """
        if was.moment is None or now.moment is None or not self._made(was.key):
            return False
        number = isinstance(was.form, tuple) and was.form[0] in ("int", "float", "number")
        near = _NEAR_NUMBER if number else _NEAR
        apart = now.moment - was.moment
        within = TOLERANCE + (86400 if was.form in ("date", "0000-00-00") else 0)
        since = [(self._recorded, self._passed)]
        if self._clock is not None and asked_at is not None:
            since.append((asked_at, self._clock() - asked_at))
        return any(
            abs(was.moment - then) <= near and (abs(apart) <= within or abs(apart - passed) <= within)
            for then, passed in since
        )

    # following

    def text_of(self, key: Hashable, form: Hashable) -> str | None:
        """What is written now in place of a recorded value; ``None``: what was written then."""
        bound = self._bound.get(key)
        if bound is None or bound.key == key:
            return None
        if isinstance(bound.key, tuple):
            return _uuid_text(bound.key[1], str(form[0] if isinstance(form, tuple) else form))
        return str(bound.key)

    @staticmethod
    def recorded_text(key: Hashable, form: Hashable) -> str:
        """What was written for that value."""
        if isinstance(key, tuple):
            return _uuid_text(key[1], str(form[0] if isinstance(form, tuple) else form))
        return str(key)

    def now(self, text: str, name: str) -> str | None:
        """What stands now for a number or word in a field of that name; ``None``: what stood there."""
        known = self._texts.get(text)
        if known is None or known.ambiguous or known.now == text:
            return None
        unmistakable = len(text) >= 8 and not text.isdigit()
        if unmistakable or _plain(name) in known.names or (known.identifier and names_identifier(name)):
            return known.now
        return None

    def replaced(self) -> Iterable[tuple[str, str]]:
        """Each recorded value that is another one now, and which."""
        with self._lock:
            for key, atom in self._bound.items():
                if key != atom.key:
                    yield _shown(key), _shown(atom.key)
            for was, text in self._texts.items():
                if not text.ambiguous and was != text.now:
                    yield was, text.now


def _fixed(found: Sequence[Atom | str]) -> list[Hashable]:
    return [one if isinstance(one, str) else ("atom", one.form) for one in found]


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


def _text_of(atom: Atom) -> str:
    return str(atom.key[1]) if isinstance(atom.key, tuple) else str(atom.key)


def _uuid_text(number: int, form: str) -> str:
    hexed = f"{number:032x}"
    if form in ("hex", "HEX"):
        return hexed if form == "hex" else hexed.upper()
    dashed = "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:]))
    return dashed.upper() if form == "upper" else dashed


def _shown(key: Hashable) -> str:
    if isinstance(key, tuple):
        return _uuid_text(key[1], "dashed") if key[0] == "uuid" else str(key[1])
    return str(key)
