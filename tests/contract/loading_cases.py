"""What an integration and its library do to each other as they load, each case in a process of its own.

``python -m tests.contract.loading_cases`` prints what was seen, by case. The processes are forked from one
that has loaded us, and none of the libraries.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import wrapt

import timetracer_otel
from timetracer_otel.integrations import known, load, wrapping

PATIENCE = 60
CASES: dict[str, Callable[[], Any]] = {}
INTEGRATIONS = "timetracer_otel.integrations."


def case(function: Callable[[], Any]) -> Callable[[], Any]:
    CASES[function.__name__] = function
    return function


class Gate:
    """Holds up the import of one module, as its code begins, until it is opened."""

    def __init__(self, module: str) -> None:
        self._module = module
        self.reached, self.opened = threading.Event(), threading.Event()
        sys.meta_path.insert(sys.meta_path.index(PathFinder), self)

    def find_spec(self, name: str, path: Sequence[str] | None, _: object = None) -> ModuleSpec | None:
        if name != self._module:
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None
        assert spec.loader is not None
        run = spec.loader.exec_module

        def held(module: ModuleType) -> None:
            self.reached.set()
            assert self.opened.wait(PATIENCE)
            run(module)

        spec.loader.exec_module = held  # type: ignore[method-assign]  # of this one
        return spec


def ours(name: str) -> bool:
    return f"{INTEGRATIONS}{name}" in sys.modules


def layers(path: str) -> int:
    """How many wrappers of ours are around a function."""
    module, _, names = path.partition(":")
    found: Any = sys.modules[module]
    for name in names.split("."):
        found = vars(found)[name]
    count = 0
    while hasattr(found, "_self_wrapper"):
        count += str(found._self_wrapper.__module__).startswith("timetracer_otel")
        found = found.__wrapped__
    return count


REDIS, REDIS_AIO = "redis.client:Redis.execute_command", "redis.asyncio.client:Redis.execute_command"
PYMYSQL = ("pymysql.connections:Connection.query", "pymysql.cursors:Cursor.execute")


def run(*functions: Callable[[], Any]) -> bool:
    """Run them in threads; true when all ended."""
    threads = [threading.Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return not any(thread.is_alive() for thread in threads)


@case
def a_library_that_is_imported_later() -> Any:
    timetracer_otel.install()
    before = ours("redis"), "redis" in sys.modules
    import redis.asyncio  # noqa: F401

    wrapped = layers(REDIS), layers(REDIS_AIO)
    timetracer_otel.uninstall()
    undone = layers(REDIS), layers(REDIS_AIO)
    timetracer_otel.install()
    timetracer_otel.install()
    return [before, ours("redis"), wrapped, undone, (layers(REDIS), layers(REDIS_AIO)), ours("pymongo")]


@case
def a_library_that_is_imported_between_undoing_and_installing_again() -> Any:
    timetracer_otel.install()
    timetracer_otel.uninstall()
    import redis  # noqa: F401

    seen = ours("redis"), "timetracer" in repr(sys.meta_path), layers(REDIS)
    timetracer_otel.install()
    return [seen, layers(REDIS)]


@case
def a_library_that_threads_import_at_once() -> Any:
    timetracer_otel.install()
    together = threading.Barrier(6)

    def come(by: Callable[[str], Any]) -> Callable[[], Any]:
        return lambda: (together.wait(PATIENCE), by("redis"))

    ended = run(*[come(importlib.import_module)] * 4, *[come(importlib.util.find_spec)] * 2)
    return [ended, layers(REDIS), layers(REDIS_AIO)]


@case
def a_module_that_a_thread_imports_while_another_is_importing_its_package() -> Any:
    timetracer_otel.install()
    gate = Gate("pymysql.cursors")

    def come() -> None:
        assert gate.reached.wait(PATIENCE)
        threading.Timer(0, gate.opened.set).start()
        importlib.import_module("pymysql.cursors")

    ended = run(lambda: importlib.import_module("pymysql"), come)
    return [ended, *map(layers, PYMYSQL)]


@case
def a_library_in_the_middle_of_its_import_as_we_come() -> Any:
    gate = Gate("pymysql.cursors")

    def come() -> None:
        assert gate.reached.wait(PATIENCE)
        threading.Timer(0, gate.opened.set).start()
        timetracer_otel.install()

    ended = run(lambda: importlib.import_module("pymysql"), come)
    return [ended, *map(layers, PYMYSQL)]


def going_as_it_imports(module: str) -> Any:
    timetracer_otel.install()
    gate = Gate(module)

    def go() -> None:
        assert gate.reached.wait(PATIENCE)
        timetracer_otel.uninstall()
        gate.opened.set()

    ended = run(lambda: importlib.import_module("pymysql"), go)
    undone = [*map(layers, PYMYSQL)]
    timetracer_otel.install()
    return [ended, undone, [*map(layers, PYMYSQL)]]


@case
def a_library_in_the_middle_of_its_import_as_we_go() -> Any:
    return going_as_it_imports("pymysql.cursors")


@case
def an_integration_that_loads_as_we_go() -> Any:
    return going_as_it_imports("timetracer_otel.integrations.mysql.calls")


@case
def a_library_that_is_only_looked_for() -> Any:
    timetracer_otel.install()
    spec = importlib.util.find_spec("psycopg2")
    found = spec is not None, ours("psycopg2"), "psycopg2" in sys.modules
    importlib.import_module("psycopg2")
    return [found, layers("psycopg2:connect")]


@case
def a_library_that_is_not_there() -> Any:
    timetracer_otel.install()
    sys.path[:] = []
    importlib.invalidate_caches()
    missing = []
    for _ in range(2):
        try:
            importlib.import_module("tortoise")
        except ModuleNotFoundError as error:
            missing.append(error.name)
    return [missing, importlib.util.find_spec("tortoise"), ours("tortoise")]


@case
def an_integration_that_cannot_be_loaded() -> Any:
    sys.modules[f"{INTEGRATIONS}redis"] = None  # type: ignore[assignment]  # what forbids its import
    timetracer_otel.install()
    import pymysql  # noqa: F401
    import redis

    timetracer_otel.install()
    return [redis.Redis.execute_command.__qualname__, *map(layers, PYMYSQL)]


def beside_other_hooks(*, first: bool) -> Any:
    called: list[str] = []
    wrapt.register_post_import_hook(lambda module: called.append(module.__name__), "psycopg2")
    timetracer_otel.install()
    hooks = next(one for one in sys.meta_path if type(one).__name__ == "ImportHookFinder")
    if first:
        sys.meta_path.insert(0, hooks)
    import psycopg2

    spec = psycopg2.__spec__
    own = [type(loader).__name__ for loader in (spec.loader, psycopg2.__loader__)]
    return [layers("psycopg2:connect"), layers("psycopg2.extensions:quote_ident"), called, own]


@case
def another_finder_is_asked_first() -> Any:
    return beside_other_hooks(first=True)


@case
def another_finder_is_asked_later() -> Any:
    return beside_other_hooks(first=False)


@case
def a_process_is_forked_while_a_thread_installs() -> Any:
    timetracer_otel.install()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with wrapping._lock:
            held.set()
            assert done.wait(PATIENCE)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert held.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        importlib.import_module("redis")
        os._exit(layers(REDIS))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done.set()
    holder.join()
    return status


@case
def an_integration_loads_without_its_library() -> Any:
    there = set(sys.modules)
    loaded = []
    for one in known.KNOWN:
        integration = load(one.name)
        assert integration is not None
        integration.points()
        loaded += [library for library in one.libraries if library in sys.modules.keys() - there]
    return loaded


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.all: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.all.append(record.getMessage())


def forked(function: Callable[[], Any]) -> Any:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            lines = Lines()
            logging.getLogger("timetracer_otel").addHandler(lines)
            os.write(writing, json.dumps([function(), lines.all]).encode())
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        text = said.read()
    assert os.waitpid(child, 0)[1] == 0, function.__name__
    return json.loads(text)


if __name__ == "__main__":
    print(json.dumps({name: forked(function) for name, function in CASES.items()}))
