"""What classes of mysqlclient's connections are derived from, between the driver's and the one of C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timetracer_otel.integrations.mysql.lines import Line

LINE = "_timetracer_line"
"""The attribute of a connection that has what is known of it."""
ANSWERS = "_timetracer_answers"
"""The attribute that has who is asked instead of the library, if anybody."""
KEPT = "_timetracer_kept"
"""The attribute that has what a connection without a library was made with."""
_FIELDS = ("open", "server_capabilities", "client_flag", "port", "converter")


class WithoutLibrary:
    """The part of a connection that has nothing behind it."""

    def __getattribute__(self, name: str) -> Any:
        # C looks at its own field, before anything else
        return int(not is_open(self)) if name == "closed" else super().__getattribute__(name)


def is_open(connection: Any) -> bool:
    """Whether a replayed connection was not closed yet."""
    return bool(vars(connection)[ANSWERS].open)


def shim(native: type) -> type:
    """A class between the driver's connections and those of C, which connects only where nobody answers.

    Args:
        native: the class of C.
    """
    initialize: Any = native.__dict__["__init__"]

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if vars(self).get(ANSWERS) is None:
            initialize(self, *args, **kwargs)
        else:
            vars(self)[KEPT] = {
                "converter": dict(kwargs.get("conv") or {}),
                "client_flag": kwargs.get("client_flag", 0),
                "port": kwargs.get("port") or 0,
            }

    def set_character_set(self: Any, name: str) -> Any:
        answers = vars(self).get(ANSWERS)
        if answers is None:
            return native.set_character_set(self, name)  # type: ignore[attr-defined]  # of C
        return answers.set_character_set(name)

    names: dict[str, Any] = {"__init__": init, "set_character_set": set_character_set}
    names |= {name: property(_reader(native, name), _writer(native, name)) for name in _FIELDS}
    return type(native.__name__, (native,), names)


def _reader(native: type, name: str) -> Callable[[Any], Any]:
    def read(self: Any) -> Any:
        line: Line | None = vars(self).get(LINE)
        if line is None or not line.replayed:
            return vars(native)[name].__get__(self)
        if name == "open":
            return int(is_open(self))
        if name == "server_capabilities":
            known = line.learned.get("capabilities")
            return known if isinstance(known, int) else 0
        return vars(self).get(KEPT, {}).get(name)

    return read


def _writer(native: type, name: str) -> Callable[[Any, Any], None]:
    def write(self: Any, value: Any) -> None:
        line: Line | None = vars(self).get(LINE)
        if line is None or not line.replayed:
            vars(native)[name].__set__(self, value)
        else:
            vars(self).setdefault(KEPT, {})[name] = value

    return write
