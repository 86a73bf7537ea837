"""What a client knows of its servers: noted with each command, and made again in a replay.

In a replay a client's topology has a stand-in: one of the same class and settings, which is told that the
recorded servers answered. So there are no monitors, no connections and no waiting for servers, while
selection, sessions, retries and pools above go on as ever.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Iterable
from typing import Any, Final

from timetracer_otel import values
from timetracer_otel.errors import CodecError
from timetracer_otel.integrations.base import Flow

Address = tuple[str, int | None]

_STAND_IN: Final = "_timetracer_stand_in"
_ORIGINAL: Final = "_timetracer_original"
_SET_NAME: Final = "replica"
_FIELDS: Final = {
    "is_writable": "isWritablePrimary",
    "max_bson_size": "maxBsonObjectSize",
    "max_message_size": "maxMessageSizeBytes",
    "max_write_batch_size": "maxWriteBatchSize",
    "max_wire_version": "maxWireVersion",
}
"""Attributes of a connection, and what the server called them in its answer to ``hello``."""

_UNKNOWN_SERVER: Final[dict[str, Any]] = {
    "isWritablePrimary": True, "maxBsonObjectSize": 16 * 1024 * 1024, "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000, "maxWireVersion": 25, "logicalSessionTimeoutMinutes": 30, "set": True,
}  # fmt: skip
"""What is assumed where nothing was recorded."""


def describe(connection: Any) -> str:
    """What the connection's server said of itself, as text for a recording."""
    known: str | None = vars(connection).get("_timetracer_server")
    if known is None:
        facts: dict[str, Any] = {
            name: getattr(connection, attribute, None) for attribute, name in _FIELDS.items()
        }
        if getattr(connection, "supports_sessions", False):
            facts["logicalSessionTimeoutMinutes"] = (
                getattr(connection, "logical_session_timeout_minutes", None) or 30
            )
        if getattr(connection, "is_repl", False):
            facts["set"] = True
        if getattr(connection, "is_mongos", False):
            facts["msg"] = "isdbgrid"
        known = values.dumps({"address": list(connection.address), "hello": facts})
        connection._timetracer_server = known
    return known


def read(texts: Iterable[str]) -> dict[Address, dict[str, Any]]:
    """What was noted of each server, by address, in the order in which they were used."""
    found: dict[Address, dict[str, Any]] = {}
    for text in dict.fromkeys(texts):
        try:
            data = values.loads(text)
            host, port = data["address"]
            found.setdefault((str(host), port if isinstance(port, int) else None), dict(data["hello"]))
        except (CodecError, KeyError, TypeError, ValueError):
            continue  # written by someone else
    return found


def hellos(
    recorded: dict[Address, dict[str, Any]], seeds: Iterable[Address], set_name: str | None
) -> dict[Address, dict[str, Any]]:
    """The answers to ``hello`` that a client with those seeds gets in a replay.

    Args:
        recorded: what :func:`read` found.
        seeds: addresses the client was given; they may be others than when recording.
        set_name: the replica set it was told to look for.
    """
    wanted = list(seeds)
    known = dict(recorded) or {wanted[0]: dict(_UNKNOWN_SERVER)}
    if not any(facts.get("isWritablePrimary") for facts in known.values()):
        free = next((seed for seed in wanted if seed not in known), ("primary.invalid", 27017))
        known[free] = {**next(iter(known.values())), "isWritablePrimary": True}
    if not any(seed in known for seed in wanted):
        # the replay names another place: the server that was written to is there
        first = next(address for address, facts in known.items() if facts.get("isWritablePrimary"))
        known = {(wanted[0] if address == first else address): facts for address, facts in known.items()}
    hosts = [_text(address) for address in known]
    primary = next(address for address, facts in known.items() if facts.get("isWritablePrimary"))
    answers = {}
    for address, facts in known.items():
        answer: dict[str, Any] = {"ok": 1, "helloOk": True, "minWireVersion": 0, "readOnly": False, **facts}
        answer = {name: value for name, value in answer.items() if value is not None}
        if answer.pop("set", False):
            writable = answer["isWritablePrimary"] = address == primary
            answer |= {"setName": set_name or _SET_NAME, "hosts": hosts, "me": _text(address)}
            answer |= {"primary": _text(primary), "secondary": not writable}
        answers[address] = answer
    return answers


def stand_in(topology: Any, answers: dict[Address, dict[str, Any]]) -> Flow[Any]:
    """The topology that takes the given one's place in a replay; made once for the same servers."""
    key = values.dumps([[list(address), answer] for address, answer in answers.items()])
    known: tuple[str, Any] | None = vars(topology).get(_STAND_IN)
    if known is not None and known[0] == key:
        return known[1]
    made = type(topology)(topology._settings)
    vars(made)[_ORIGINAL] = weakref.ref(topology)
    made.get_server_selection_timeout = lambda: 0  # nothing will come that is not there
    yield made.open
    described = sys.modules["pymongo.server_description"].ServerDescription
    hello = sys.modules["pymongo.hello"].Hello
    # primaries last: they say who belongs to a set
    for address, answer in sorted(answers.items(), key=lambda item: bool(item[1].get("secondary"))):
        yield functools.partial(made.on_change, described(address, hello(dict(answer)), 0.0))
    vars(topology)[_STAND_IN] = (key, made)
    return made


def is_stand_in(topology: Any) -> bool:
    """True for what :func:`stand_in` made."""
    return _ORIGINAL in vars(topology)


def _text(address: Address) -> str:
    host, port = address
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Socket:
    """Stands where a connection to a server would be; nothing goes through it."""

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout

    @property
    def get_conn(self) -> Socket:
        """Itself: there is nothing below."""
        return self

    sock = get_conn

    def gettimeout(self) -> float | None:
        """What was set."""
        return self._timeout

    def settimeout(self, timeout: float | None) -> None:
        """Keep it."""
        self._timeout = timeout

    def fileno(self) -> int:
        """None: PyMongo takes it for closed when it was long unused, and makes another."""
        return -1

    def close(self) -> None:
        """Nothing to close."""


class AsyncSocket(Socket):
    """The asynchronous one."""

    async def close(self) -> None:  # type: ignore[override]  # as PyMongo's own two classes differ
        """Nothing to close."""

    def is_closing(self) -> bool:
        """Never."""
        return False
