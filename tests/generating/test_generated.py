"""Tests that are written from recordings run as they are, for each framework."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.generating import services
from tests.services.upstream import Upstream
from timetracer_otel.cassette import Cassette
from timetracer_otel.cli import cli

APPS = {"fastapi": "shop_fastapi:app", "flask": "shop_flask:app", "django": "shop_django"}


@pytest.fixture
def project(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The three services, and what was recorded of them; nothing that they call is left."""
    for name, text in (
        ("shared", services.SHARED),
        ("shop_fastapi", services.FASTAPI),
        ("shop_flask", services.FLASK),
        ("shop_django", services.DJANGO),
        ("record", services.RECORD),
    ):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UPSTREAM", upstream.url)
    monkeypatch.setenv("DATABASE", str(tmp_path / "shop.db"))
    run("record.py")
    upstream.stop()
    (tmp_path / "shop.db").unlink()
    return tmp_path


def run(*arguments: str) -> str:
    """Run Python; what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def generate(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["generate-tests", *arguments])
    return result.exit_code, result.output.strip()


def test_what_is_generated_runs(project: Path) -> None:
    for name, app in APPS.items():
        status, said = generate(f"cassettes/{name}", "--app", app, "-o", f"tests/test_{name}.py")
        assert (status, said.split(":")[1]) == (0, f" {2 if name == 'django' else 3} tests, written")
    files = sorted((project / "tests").glob("*.py"))
    first = [file.read_bytes() for file in files]

    # formatted, and again the same bytes
    run("-m", "ruff", "format", "--isolated", "--check", "tests")
    run("-m", "ruff", "check", "--isolated", "tests")
    for name, app in APPS.items():
        assert generate(f"cassettes/{name}", "--app", app, "-o", f"tests/test_{name}.py")[1].endswith(
            "unchanged"
        )
    assert [file.read_bytes() for file in files] == first

    printed = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert "8 passed" in printed
    assert not (project / "shop.db").exists()

    # each cassette is a test by itself, too
    printed = run(
        "-m", "pytest", "-v", "--timetracer", "--timetracer-app", "shop_flask:app", "cassettes/flask"
    )
    assert "3 passed" in printed
    assert "::POST /orders PASSED" in printed

    # what they assert is what was recorded
    source = (project / "tests/test_flask.py").read_text()
    orders = source[source.index("def test_post_orders_201") :].split("\n\n\n")[0]
    assert "    response = replay.request(\n" in orders
    assert "    assert response.status == 201\n" in orders
    assert '        "item": "tea",\n' in orders
    assert '        "INSERT INTO orders VALUES (?, ?)",\n' in orders

    # and they fail when the service does otherwise
    shared = project / "shared.py"
    shared.write_text(shared.read_text().replace('"price": price,', '"price": price + 1,'))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_flask.py"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout

    # text of a cassette is never code
    for file in files:
        assert _names(ast.parse(file.read_text())) <= {
            "pytest",
            "app",
            "timetracer_app",
            "replay",
            "response",
        }


def _names(module: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}


def test_files_that_cannot_be_read_are_named_and_the_others_become_tests(project: Path) -> None:
    path = next(project.glob("cassettes/flask/**/*.json"))
    cassette = Cassette.load(path)
    cassette.entry.attributes["http.request.header.x-two"] = ["one\r\ntwo"]
    folder = project / "damaged"
    folder.mkdir()
    (folder / "0.json").write_bytes(cassette.dump())
    (folder / "1.json").write_text("{")
    (folder / "2.json").write_bytes(path.read_bytes())
    status, said = generate(str(folder), "--app", APPS["flask"], "-o", "tests/test_damaged.py")
    assert status == 2
    first, second, third = sorted(said.splitlines())
    assert first.startswith(f"error: {folder}/0.json: span ")
    assert second.startswith(f"error: {folder}/1.json: ")
    assert third == "tests/test_damaged.py: 1 test, written"


def test_a_file_that_was_changed_is_left_alone(project: Path) -> None:
    arguments = ("cassettes/flask", "--app", "shop_flask:app")
    generate(*arguments)
    file = project / "tests/test_recorded.py"
    file.write_text(file.read_text().replace("== 201", "== 200"))
    assert generate(*arguments) == (
        2,
        "error: tests/test_recorded.py was changed by hand; give another place with -o, or write it"
        " all the same with --force",
    )
    assert "== 200" in file.read_text()
    assert generate(*arguments, "--force")[0] == 0
    assert "== 201" in file.read_text()

    (project / "empty").mkdir()
    assert generate("empty", "-o", "elsewhere") == (
        2,
        "error: none of the cassettes holds an HTTP request; record some first",
    )
