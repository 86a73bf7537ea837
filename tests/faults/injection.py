"""A point of failure at the start of every function of a package.

:func:`prepare` has the package's modules compiled, when they are imported, with one statement more at the
start of each function. It does nothing until :func:`failing` names the function: then each
call of it raises. So no list of functions is kept anywhere; what a module has, new ones included, is found.

A function that others call directly (a wrapper, in the place of a library's own) has nobody above it who
could guard it: it does not fail at its first step, but at each call that it makes. Unless it guards itself:
where a function begins with ``try``, the point of failure is within.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any

_POINT = "__point_of_failure__"
_TRANSPARENT = frozenset({"contextlib", "functools"})
"""Modules that call on behalf of their caller."""
_ON_BEHALF = frozenset(
    {
        "timetracer_otel.integrations.asgi:AsgiIntegration._websocket",
        "timetracer_otel.integrations.django:_AsgiHandler.serve",
        "timetracer_otel.integrations.middleware:AsgiMiddleware.__call__",
        "timetracer_otel.integrations.middleware:WsgiMiddleware.__call__",
        "timetracer_otel.integrations.threads:_inside",
        "timetracer_otel.integrations.threads:Carried.__call__",
    }
)
"""Functions of ours that do."""


class Injected(Exception):
    """What a function raises by default."""


class _Faults:
    def __init__(self) -> None:
        self.reached: dict[str, set[str]] = {}
        self.watching = False
        self.target = ""
        self.error: type[Exception] = Injected
        self.hits = 0
        self.packages: tuple[str, ...] = ()

    def __call__(self, name: str, guarded: bool) -> None:
        if name == self.target and (
            guarded or (not _is_finalizer(name) and self._called_by_ours(sys._getframe(2)))
        ):
            self.hits += 1
            raise self.error("injected")
        if self.watching:
            caller = sys._getframe(2)
            self.reached.setdefault(name, set()).add(
                f"{caller.f_code.co_filename}:{caller.f_code.co_qualname}"
            )

    def _called_by_ours(self, caller: FrameType | None) -> bool:
        while caller is not None:
            package = caller.f_globals.get("__name__", "").partition(".")[0]
            function = f"{caller.f_globals.get('__name__', '')}:{caller.f_code.co_qualname}"
            if package not in _TRANSPARENT and function not in _ON_BEHALF:
                return package in self.packages
            caller = caller.f_back
        return False


_faults = _Faults()


def _is_finalizer(name: str) -> bool:
    """The interpreter calls it, below whatever runs then, and says itself what it raises."""
    return name.endswith(".__del__")


def prepare(*packages: str) -> None:
    """Compile these packages with points of failure; none of their modules may be loaded yet."""
    loaded = [name for name in sys.modules if name.partition(".")[0] in packages]
    if loaded:
        raise RuntimeError(f"already loaded: {', '.join(loaded)}")
    setattr(builtins, _POINT, _faults)
    _faults.packages = packages
    sys.meta_path.insert(0, _Finder(packages))


@contextlib.contextmanager
def watching() -> Iterator[dict[str, set[str]]]:
    """Collects the functions that are called in a block, ``module:Class.function``, and who calls each."""
    _faults.reached = {}
    _faults.watching = True
    try:
        yield _faults.reached
    finally:
        _faults.watching = False


class Hits:
    """How often the function was called, and so failed."""

    count = 0


@contextlib.contextmanager
def failing(name: str, error: type[Exception] = Injected) -> Iterator[Hits]:
    """Let each call of that function raise, on every thread.

    Args:
        name: as :func:`watching` gives it.
        error: what it raises.
    """
    hits = Hits()
    _faults.error, _faults.hits, _faults.target = error, 0, name
    try:
        yield hits
    finally:
        _faults.target = ""
        hits.count = _faults.hits


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in self._packages:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        _Points(fullname).visit(tree)
        code: CodeType = compile(tree, path, "exec", dont_inherit=True)
        return code


class _Points(ast.NodeTransformer):
    """Puts the statement into each function that does something."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._path: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return self._named(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return self._function(node)

    def _named(self, node: Any) -> Any:
        self._path.append(node.name)
        self.generic_visit(node)
        self._path.pop()
        return node

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
        self._named(node)
        docstring = ast.get_docstring(node, clean=False) is not None
        rest = node.body[docstring:]
        if all(_is_placeholder(statement) for statement in rest):
            return node
        name = ".".join([*self._path, node.name])
        first = rest[0]
        guards = isinstance(first, ast.Try) and bool(first.handlers)
        [point] = ast.parse(f"{_POINT}({f'{self._module}:{name}'!r}, {guards})").body
        for part in ast.walk(point):
            ast.copy_location(part, node)
        if guards:
            first.body.insert(0, point)  # type: ignore[attr-defined]  # a try, see above
        else:
            node.body.insert(int(docstring), point)
        return node


def _is_placeholder(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and getattr(statement.value, "value", None) is ...
