"""What a line of a module says: the name that its value gets, and the words that are in it."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from functools import lru_cache
from types import FrameType
from typing import Final, NamedTuple

_LARGEST: Final = 2_000_000
"""Characters of a module that are read."""


class Statement(NamedTuple):
    """The innermost statement at a line.

    Attributes:
        target: what is assigned or defined there; empty where that is nothing, or the source is not there.
        words: names and texts in it.
    """

    target: str
    words: frozenset[str]


def statement_of(frame: FrameType) -> Statement:
    """The statement that runs in a frame. Of code without a source all its names are the words."""
    code = frame.f_code
    found = _at(code.co_filename, frame.f_lineno)
    return found or Statement("", frozenset((*code.co_names, *code.co_varnames, *code.co_freevars)))


@lru_cache(maxsize=4096)
def _at(file: str, line: int) -> Statement | None:
    for node in _innermost(_parsed(file), line):
        return Statement(_target(node), frozenset(_words(node)))
    return None


@lru_cache(maxsize=64)
def _parsed(file: str) -> ast.Module | None:
    text = "".join(linecache.getlines(file))
    try:
        return ast.parse(text) if text and len(text) < _LARGEST else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # not what was compiled
        return None


def _innermost(module: ast.Module | None, line: int) -> Iterator[ast.stmt]:
    """That one statement, if there is any."""
    found: ast.stmt | None = None
    inner: list[ast.stmt] = [] if module is None else module.body
    while inner:
        here = next((one for one in inner if _first_line(one) <= line <= (one.end_lineno or 0)), None)
        if here is None:
            break
        found = here
        inner = [one for one in ast.iter_child_nodes(here) if isinstance(one, ast.stmt)]
        for handler in ast.iter_child_nodes(here):
            if isinstance(handler, ast.ExceptHandler | ast.match_case):
                inner.extend(handler.body)
    if found is not None:
        yield found


def _first_line(node: ast.stmt) -> int:
    """A decorator is above what it decorates, and part of it."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _target(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    if not isinstance(target, ast.expr) or any(isinstance(one, ast.Constant) for one in ast.walk(target)):
        return ""  # a text in it may be one that nobody is to read
    return ast.unparse(target)[:100]


def _words(node: ast.stmt) -> Iterator[str]:
    for one in ast.walk(node):
        for name in ("id", "attr", "arg", "name"):
            if isinstance(word := getattr(one, name, None), str):
                yield word
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value
