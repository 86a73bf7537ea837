"""The blocks that install something name what exists."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.markdown import PAGES, ROOT, blocks

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMES = {"timetracer-otel"} | {f"timetracer-otel[{extra}]" for extra in PROJECT["optional-dependencies"]}
LINES = [
    pytest.param(line.partition("#")[0].strip(), id=f"{page.name}:{block.line}: {line}")
    for page in PAGES
    for block in blocks(page.read_text())
    if block.language == "sh"
    for line in block.text.splitlines()
    if line.partition("#")[0].strip()
]


@pytest.mark.parametrize("line", LINES)
def test_it_is_a_script_of_this_repository_or_an_extra_of_this_package(line: str) -> None:
    program, *rest = line.split()
    if program == "pip":
        assert rest[0] == "install"
        named = [argument.strip("'") for argument in rest[1:]]
        assert [name for name in named if "timetracer-otel" in name and name not in NAMES] == []
    else:
        assert os.access(ROOT / program, os.X_OK), f"{program} is no script of this repository"


def test_every_script_is_shell_that_a_plain_sh_reads() -> None:
    scripts = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())
    assert [path.name for path in scripts if not _is_shell(path)] == []


def _is_shell(path: Path) -> bool:
    return re.match(r"#!/bin/sh\n", path.read_text()) is not None and os.access(path, os.X_OK)
