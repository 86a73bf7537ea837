"""docs/architecture.md draws the arrows that are in the code."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

from tests.docs.markdown import ROOT, blocks

PACKAGE = ROOT / "timetracer_otel"
PAGE = ROOT / "docs" / "architecture.md"


def layers() -> list[list[str]]:
    """The rooms of the page's block ``layers``, from the top down."""
    (drawn,) = (block.text for block in blocks(PAGE.read_text()) if block.title == "layers")
    return [line.split() for line in drawn.splitlines()]


def rooms() -> set[str]:
    """The modules and packages at the top of the code."""
    return {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }


def parsed(path: Path) -> ast.Module:
    """A file's code.

    CPython 3.11 fails (gh-106905) where garbage of another test is collected in the middle, and what its
    finalizer raises is shown with a traceback, which parses as well.
    """
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def imports(path: Path) -> Iterator[str]:
    """The rooms that a file imports."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (
                name.name.split(".")[1] for name in node.names if name.name.startswith("timetracer_otel.")
            )
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            package, *inner = node.module.split(".")
            if package == "timetracer_otel":
                yield from inner[:1] or (name.name for name in node.names if not name.name.startswith("__"))


def test_every_room_is_drawn_once() -> None:
    drawn = [room for layer in layers() for room in layer]
    assert sorted(drawn) == sorted(rooms() - {"__init__", "__main__"})


def test_every_arrow_points_down() -> None:
    height = {room: index for index, layer in enumerate(reversed(layers())) for room in layer}
    wrong = {
        f"{path.relative_to(ROOT)} imports {imported}"
        for path in PACKAGE.rglob("*.py")
        if (room := path.relative_to(PACKAGE).parts[0].removesuffix(".py")) in height
        for imported in imports(path)
        if imported in height and imported != room and height[imported] >= height[room]
    }
    assert wrong == set()
