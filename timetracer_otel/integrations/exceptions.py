"""Exceptions as messages and back, without importing anything a cassette names."""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from timetracer_otel import ports, values
from timetracer_otel.errors import ReplayError
from timetracer_otel.messages import Failure

CANCELLED = frozenset({"asyncio.exceptions.CancelledError", "asyncio.CancelledError"})
"""A cancelled call had no answer: replay waits for it to be cancelled again."""

_BUILTIN: dict[str, type[BaseException]] = {
    value.__name__: value
    for value in vars(builtins).values()
    if isinstance(value, type) and issubclass(value, Exception)
}
_DEPTH = 8


def type_name(kind: type) -> str:
    """``module.QualName``, the bare name for a built-in class."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def by_name(*kinds: type[BaseException]) -> dict[str, type[BaseException]]:
    """A table for ``Integration.exception_classes``."""
    return {type_name(kind): kind for kind in kinds}


def module_exceptions(*modules: Any) -> dict[str, type[BaseException]]:
    """Every exception class those modules hold, by name."""
    found = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    return by_name(*found)


class LoadedExceptions(Mapping[str, type[BaseException]]):
    """Every exception class that this process has, by name: what a task raised may be of any.

    A look-up among classes that are there; nothing is imported.
    """

    def __getitem__(self, name: str) -> type[BaseException]:
        waiting: list[type[BaseException]] = [Exception]
        seen: set[type] = set()
        while waiting:
            kind = waiting.pop()
            if type_name(kind) == name:
                return kind
            for below in type.__subclasses__(kind):
                if below not in seen:
                    seen.add(below)
                    waiting.append(below)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def describe(error: BaseException, skip: frozenset[str] = frozenset(), depth: int = _DEPTH) -> Failure:
    """The exception's class, arguments, fields, cause and context.

    Args:
        error: what was raised.
        skip: attributes the library sets itself (a request object, say).
        depth: how many causes down are kept.
    """
    cause = context = None
    if depth:
        if error.__cause__ is not None:
            cause = describe(error.__cause__, skip, depth - 1)
        elif error.__context__ is not None and not error.__suppress_context__:
            context = describe(error.__context__, skip, depth - 1)
    fields = {name: value for name, value in vars(error).items() if name not in skip and name != "__notes__"}
    return Failure(
        type_name=type_name(type(error)),
        args=list(values.snapshot(list(error.args))),
        fields=values.snapshot(fields),
        cause=cause,
        context=context,
        suppress_context=error.__suppress_context__,
    )


def rebuild(failure: Failure, classes: Mapping[str, type[BaseException]]) -> BaseException:
    """The exception that :func:`describe` read.

    Args:
        failure: what was raised when recording.
        classes: the classes that may be made, by ``module.QualName``.

    Raises:
        ReplayError: the class is not among them.
    """
    kind = classes.get(failure.type_name) or _BUILTIN.get(failure.type_name)
    if kind is None:
        raise ReplayError(
            f"the recorded exception {failure.type_name} is not one this integration can raise;"
            " record again, or register its class"
        )
    error = _make(kind, failure.args)
    for name, value in failure.fields.items():
        if name.startswith("__"):
            continue  # Python's own; nothing that was recorded
        # a property may refuse in any way; fields of a C class are set by the integration in its own way
        with contextlib.suppress(Exception):
            setattr(error, name, value)
    _chain(error, failure, classes)
    return error


def _make(kind: type[BaseException], args: list[Any]) -> BaseException:
    if kind.__module__ == "builtins":
        try:
            return kind(
                *args
            )  # C fields (UnicodeDecodeError.object, OSError.errno) are set by the constructor
        except (TypeError, ValueError):
            pass  # args were replaced after it was made
    try:
        error = kind.__new__(kind, *args)
    except Exception as refused:
        raise ReplayError(
            f"the recorded exception {type_name(kind)} cannot be made of its arguments"
            f" ({refused}); record again"
        ) from refused
    error.args = tuple(args)
    return error


def _chain(error: BaseException, failure: Failure, classes: Mapping[str, type[BaseException]]) -> None:
    for name in ("cause", "context"):
        link = getattr(failure, name)
        if link is None:
            continue
        try:
            linked: BaseException = rebuild(link, classes)
        except ReplayError:
            # a class below the library's own (ssl, a C driver): the app sees its name and text
            linked = RuntimeError(f"{link.type_name}: {', '.join(map(str, link.args))}")
        setattr(error, f"__{name}__", linked)
    error.__suppress_context__ = failure.suppress_context


async def wait_for_cancellation(title: str) -> None:
    """Wait to be cancelled, as the recorded call was before it was answered.

    Args:
        title: the call on one line, for the error.

    Raises:
        ReplayError: nobody does.
    """
    port = ports.current()
    if port is not None:
        await port.await_cancellation(title)
    raise ReplayError(f"{title}: it was cancelled when it was recorded, and is not now; record again")
