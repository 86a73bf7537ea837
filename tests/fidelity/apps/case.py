"""A case: one function that uses one library in one way; each application gives it an endpoint."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One way to use a library.

    Attributes:
        path: Where the endpoint is, ``{backend}`` still open.
        edge: What is special about it, in the words of the matrix.
        function: Takes the backend (an engine, a client) if there are several; returns what it
            saw as plain JSON values.
        repeats: Whether the same call gives the same answer twice, so that the answer without
            recording and the answer with it can be compared.
        needs: Programs of system packages, or libraries, without which it is not run.
    """

    library: str
    path: str
    edge: str
    function: Callable[..., Any]
    backends: tuple[str, ...]
    repeats: bool
    needs: tuple[str, ...] = ()

    @property
    def is_async(self) -> bool:
        """Whether only an asynchronous framework can serve it."""
        return inspect.iscoroutinefunction(self.function)


class Cases:
    """The cases of one module, in order; used as a decorator.

    Args:
        library: The heading in the matrix.
        prefix: First part of the path.
        backends: Names the module knows; every case is run with each.
        needs: Programs of system packages, or libraries, without which none is run.
    """

    def __init__(
        self, library: str, prefix: str, backends: tuple[str, ...] = (), needs: tuple[str, ...] = ()
    ) -> None:
        self.library = library
        self.prefix = prefix
        self.backends = backends
        self.needs = needs
        self._cases: list[Case] = []

    def __call__(
        self, edge: str, *, repeats: bool = True, only: tuple[str, ...] = ()
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Add the function below as a case.

        Args:
            edge: What is special about it.
            repeats: False if its answer differs by nature from one run to the next.
            only: The backends that can do it; by default all.
        """

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            name = function.__name__.replace("_", "-")
            place = "/{backend}" if self.backends else ""
            path = f"/{self.prefix}{place}/{name}"
            backends = only or self.backends
            self._cases.append(Case(self.library, path, edge, function, backends, repeats, self.needs))
            return function

        return add

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases)
