"""The shape of data: what is left of it when the values are set aside that may be others in each run."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

from timetracer_otel import values
from timetracer_otel.volatile.tokens import Atom, Linked, Part, of_value, parts

_DEPTH: Final = 200


class Anything:
    """Stands in data for a value that a rule sets aside."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def shape(data: Any, linked: Linked | None = None) -> tuple[Hashable, list[Atom]]:
    """Equal for two structures exactly when they differ in nothing but their atoms; and those, in order.

    Args:
        data: nested dicts, lists and scalars (:data:`~timetracer_otel.messages.base.Canonical`).
        linked: values that were seen to be others, beside those that look it.
    """
    atoms: list[Atom] = []
    return _Shaper(linked, atoms.append).of(data, "", 0), atoms


class _Shaper:
    def __init__(self, linked: Linked | None, take: Callable[[Atom], None]) -> None:
        self._linked = linked
        self._take = take

    def of(self, data: Any, name: str, depth: int) -> Hashable:
        kind = type(data)
        if kind is str:
            return self._text(data, name)
        if data is None or kind is bool:
            return kind.__name__, data
        if depth > _DEPTH:
            return values.canonical(data)
        if kind is dict:
            return self._dict(data, depth + 1)
        if kind is list or kind is tuple:
            return kind.__name__, *(self.of(item, name, depth + 1) for item in data)
        if kind is Anything:
            self._take(Atom(repr(data.value), "rule", "rule", name=name))
            return ("rule",)
        if kind is bytes:
            return "bytes", self._text(data.decode("latin-1"), name)
        atom = of_value(data, name)
        if atom is None and self._linked is not None:
            atom = self._linked.value(data, name)
        if atom is not None:
            self._take(atom)
            return "atom", atom.form
        return values.canonical(data)

    def _text(self, text: str, name: str) -> Hashable:
        found: list[Part] = parts(text, self._linked, name)
        if len(found) == 1:
            return "text", text
        for one in found:
            if isinstance(one, Atom):
                self._take(one)
        return "text", *(one if isinstance(one, str) else ("atom", one.form) for one in found if one)

    def _dict(self, data: dict[Any, Any], depth: int) -> Hashable:
        take = self._take
        items: list[tuple[str, Hashable, list[Atom]]] = []
        for key, value in data.items():
            inner: list[Atom] = []
            self._take = inner.append
            shaped = self.of(key, "", depth)
            item = shaped, self.of(value, key if isinstance(key, str) else "", depth)
            items.append((repr(shaped), item, inner))
        self._take = take
        items.sort(key=lambda item: item[0])  # stable: keys that are atoms stay in their order
        for _, _, inner in items:
            for atom in inner:
                take(atom)
        return "dict", *(item for _, item, _ in items)
