"""Values that modules draw as they are imported: whose are noted, by which names, and what is hidden."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from timetracer_otel import nondeterminism, ports
from timetracer_otel.blocks import Arrivals
from timetracer_otel.messages import HttpRequest
from timetracer_otel.nondeterminism import (
    Importing,
    ImportRecorder,
    ImportReplayer,
    current_source,
    imported,
    set_process_source,
)
from timetracer_otel.ports import UntilFirst
from timetracer_otel.redaction import MASK, Redactor

NUMBERS = itertools.count()

Load = Callable[..., ModuleType]


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    nondeterminism.install()
    yield
    nondeterminism.uninstall()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Imports a module of that text anew."""
    monkeypatch.syspath_prepend(tmp_path)
    loaded: set[str] = set()

    def load(text: str, name: str = "shop", folder: str = "") -> ModuleType:
        place = tmp_path / folder / f"v{next(NUMBERS)}"
        place.mkdir(parents=True)
        (place / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(place)
        sys.modules.pop(name, None)
        loaded.add(name)
        return importlib.import_module(name)

    yield load
    for name in loaded:
        sys.modules.pop(name, None)


def recorded(load: Load, text: str, **where: str) -> tuple[ImportRecorder, ModuleType]:
    source = ImportRecorder(Redactor().hides, MASK)
    phase = Importing(source)
    module = load(text, **where)
    assert phase.over()
    return source, module


def replayed(source: ImportRecorder, load: Load, text: str) -> Any:
    phase = Importing(imported(source.events()))
    module = load(text)
    assert phase.over()
    return module


def places(source: ImportRecorder) -> list[str]:
    return [event.source for event in source.events()]


MODULE = """
import random, time, uuid
from dataclasses import dataclass, field
from datetime import datetime

INSTANCE = str(uuid.uuid4())
STARTED: float = time.time()
SINCE = datetime.now()
ORDER = [1, 2, 3, 4]
random.shuffle(ORDER)
DICE = random.Random()

def wait(seconds=random.random()):
    return seconds

def make():
    return uuid.uuid4().hex[:6]

@dataclass
class Settings:
    name: str = field(default_factory=make)

SHORT, settings = make(), Settings()
"""


def told(module: Any) -> list[Any]:
    return [
        *(module.INSTANCE, module.STARTED, module.SINCE, module.ORDER, module.DICE.random()),
        *(module.wait(), module.SHORT, module.settings.name),
    ]


def test_what_a_module_draws_is_given_again(load: Load) -> None:
    source, first = recorded(load, MODULE)
    assert told(replayed(source, load, MODULE)) == told(first)
    assert told(load(MODULE)) != told(first), "and when the import is over it is not"


def test_each_value_has_a_place_of_its_own(load: Load) -> None:
    source, _ = recorded(load, MODULE)
    assert list(dict.fromkeys(places(source))) == [
        "uuid.uuid4@shop:shop.INSTANCE",
        "clock@shop:shop.STARTED",
        "clock@shop:shop.SINCE",
        "random.shuffle(3)@shop:shop",
        "random.shuffle(2)@shop:shop",
        "random.Random.seed(32)@shop:shop.DICE",
        "random.random@shop:shop.wait",
        "uuid.uuid4@shop:shop.(SHORT, settings)",
    ]


def test_another_version_of_the_code_gets_what_it_still_draws(load: Load) -> None:
    source, first = recorded(load, "import uuid\nA = uuid.uuid4()\nB = uuid.uuid4()\n")
    moved = replayed(source, load, "import uuid\nNEW = uuid.uuid4()\nB = uuid.uuid4()\nA = uuid.uuid4()\n")
    assert (moved.A, moved.B) == (first.A, first.B)
    assert moved.NEW not in (first.A, first.B), "a new one is real"


@pytest.mark.parametrize("folder", ["lib/site-packages", "dist-packages"])
def test_an_installed_module_is_left_alone(load: Load, folder: str) -> None:
    source, _ = recorded(load, MODULE, folder=folder)
    assert places(source) == []


LIBRARY = """
import time, uuid

def connect():
    return time.time(), uuid.uuid4()
"""


def test_a_library_that_a_module_calls_has_the_real_time(load: Load) -> None:
    load(LIBRARY, name="driver", folder="site-packages")
    source, _ = recorded(load, "import driver\nCLIENT = driver.connect()\n")
    assert places(source) == ["uuid.uuid4@driver:shop.CLIENT"]


def test_other_threads_are_left_alone(load: Load) -> None:
    text = """
import threading, uuid

def draw():
    DRAWN.append(uuid.uuid4())

DRAWN = []
thread = threading.Thread(target=draw)
thread.start()
thread.join()
"""
    source, module = recorded(load, text)
    assert (places(source), len(module.DRAWN)) == ([], 1)


def test_a_thread_that_imports_is_left_alone(load: Load) -> None:
    source = ImportRecorder(None)
    phase = Importing(source)
    thread = threading.Thread(target=load, args=(MODULE,))
    thread.start()
    thread.join()
    assert (phase.over(), phase.over(), places(source)) == (True, False, [])


SECRETS = """
import os, secrets, uuid
from dataclasses import dataclass, field

KEY = secrets.token_hex()
SALT = os.urandom(16)
NODE = secrets.token_hex(4)
API_KEY = uuid.uuid4().hex
config = {}
config["SECRET_KEY"] = uuid.uuid4().hex
client = dict(password=uuid.uuid4().hex)
PIN = "".join(secrets.choice("0123456789") for _ in range(2))

@dataclass
class Settings:
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

settings = Settings()
"""


def test_what_may_be_a_secret_is_not_kept(load: Load) -> None:
    source, module = recorded(load, SECRETS)
    kept = {event.source: event.value for event in source.events()}
    assert kept.pop("secrets.token_hex(4)@shop:shop.NODE") == bytes.fromhex(module.NODE)
    assert set(kept.values()) == {MASK}
    assert len(source.hidden) == len(source.events()) - 1


def test_what_was_not_kept_is_a_real_value(load: Load) -> None:
    source, first = recorded(load, SECRETS)
    again = replayed(source, load, SECRETS)
    assert again.NODE == first.NODE
    assert (again.KEY == first.KEY, again.API_KEY == first.API_KEY) == (False, False)
    assert (len(again.KEY), len(again.API_KEY)) == (64, 32)


def test_without_masking_all_is_kept(load: Load) -> None:
    source = ImportRecorder(None)
    phase = Importing(source)
    first = load(SECRETS)
    phase.over()
    assert replayed(source, load, SECRETS).KEY == first.KEY


def test_a_recording_of_something_else_changes_nothing(load: Load) -> None:
    phase = Importing(ImportReplayer((), lane=lambda: 0, trace_id="", start_ns=0))
    assert len(str(load(MODULE).INSTANCE)) == 36
    phase.over()


def test_a_program_that_draws_for_ever_is_let_alone(load: Load) -> None:
    source, module = recorded(load, "import random\nSEEN = [random.random() for _ in range(30_000)]\n")
    again = replayed(source, load, "import random\nSEEN = [random.random() for _ in range(30_000)]\n")
    assert len(source.events()) == 1_000
    assert (again.SEEN[:1_000], again.SEEN[1_000] == module.SEEN[1_000]) == (module.SEEN[:1_000], False)


def test_a_block_that_ends_later_leaves_nobody(load: Load) -> None:
    phase = Importing(ImportRecorder(None))
    block = ImportRecorder(None)
    before = set_process_source(lambda: block)
    phase.over()
    assert current_source() is block
    set_process_source(before)
    assert current_source() is None
    set_process_source(None)


def test_the_first_request_ends_it_and_nothing_stays_in_the_way() -> None:
    """A pool that starts up in a thread does not: its app is imported still."""
    entries = Arrivals(contextlib.nullcontext, lambda: True)
    said: list[str] = []
    before = ports.set_process_ports(None, entries)
    try:
        UntilFirst.stand(entries, lambda: said.append("first"))
        standing = ports.entry_port()
        assert standing is not None
        pool = threading.Thread(target=standing.startup, args=("psycopg_pool",))
        pool.start()
        pool.join()
        assert (said, ports.entry_port() is standing) == ([], True)
        for _ in range(2):  # a server may hold on to it
            standing.open("flask", HttpRequest("GET", "http://shop/", []), None, traced=False)
        assert (said, ports.entry_port() is entries) == (["first"], True)
    finally:
        ports.set_process_ports(*before)
