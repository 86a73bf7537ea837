"""A library under contract: where it is, who instruments it, how an app uses it.

Nothing of the library is imported before an order says so.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from opentelemetry import trace

Results = dict[str, str]
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Subject(ABC):
    """A library, as an app and its instrumentor see it.

    Args:
        folder: an empty folder for what an app would keep (a database file, say).
    """

    module: ClassVar[str]
    """What an app imports."""
    integration: ClassVar[str]
    """The name of the integration."""
    scope: ClassVar[str] = ""
    """The scope of the standard instrumentation's spans, where there is one."""
    instrumentor: ClassVar[str] = ""
    """Module and class of OpenTelemetry's instrumentor, ``module:Class``; empty where there is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self) -> Any:
        """What ``import`` does in an app."""
        return importlib.import_module(self.module)

    def instrumentors(self) -> list[Any]:
        """OpenTelemetry's, one object each whenever asked."""
        if not self.instrumentor:
            return []
        module, _, name = self.instrumentor.partition(":")
        return [getattr(importlib.import_module(module), name)()]

    @abstractmethod
    def client(self) -> Any:
        """What an app makes once and uses for every call."""

    @abstractmethod
    def use(self, client: Any) -> Results:
        """What the app gets, in every way of calling."""


class Dependency(Subject):
    """A client library: used in a job, which is the entry span of all calls."""

    def use(self, client: Any) -> Results:
        """What a job gets that calls in every way."""
        with trace.get_tracer("app").start_as_current_span("job"):
            results = {
                "sync": attempt(lambda: self.call(client, "sync")),
                "error": attempt(lambda: self.fail(client)),
            }
            with ThreadPoolExecutor(1) as executor:
                results["thread"] = attempt(executor.submit(self.call, client, "thread").result)
            if type(self).call_async is not Dependency.call_async:
                results["async"] = asyncio.run(self._asynchronously(client))
        return results

    async def _asynchronously(self, client: Any) -> str:
        return describe(await self.call_async(client, "async"))

    @abstractmethod
    def call(self, client: Any, way: str) -> Any:
        """Call the dependency; ``way`` goes along, so that the calls differ."""

    @abstractmethod
    def fail(self, client: Any) -> Any:
        """Call it such that the library raises an exception of its own."""

    async def call_async(self, client: Any, way: str) -> Any:
        """As :meth:`call`, the library's asynchronous way; not overridden where it has none."""


def attempt(call: Callable[[], Any]) -> str:
    """What a call returns or raises, in words: type and value."""
    try:
        return describe(call())
    except Exception as error:  # noqa: BLE001  # whatever the library raises is what the app gets
        return describe_error(error)


def describe(value: Any) -> str:
    """Type and value."""
    return f"{type(value).__module__}.{type(value).__qualname__}: {value!r}"


def describe_error(error: BaseException) -> str:
    """Classes and arguments of an exception and of its causes."""
    links = []
    link: BaseException | None = error
    while link is not None:
        arguments = _ADDRESS.sub("", repr(link.args))
        links.append(f"raised {type(link).__module__}.{type(link).__qualname__}{arguments}")
        link = link.__cause__
    return " from ".join(links)
