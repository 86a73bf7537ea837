"""What every integration keeps to, in whatever order things are imported, instrumented and undone.

Each library runs in a process that forks one process an order (:mod:`timetracer_otel.testing.cases`).
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest
from _pytest.mark import ParameterSet

from tests.contract.frameworks import Framework
from tests.contract.subjects import SUBJECTS
from tests.fidelity.sqlalchemy_versions import python_path
from tests.services import c_extension
from tests.services.environment import without_settings
from tests.services.together import Services
from timetracer_otel.integrations import all_integrations
from timetracer_otel.testing.orders import ORDERS, OURS, Facts, Seen, in_force

ROOT = Path(__file__).parents[2]
FEW_ORDERS = ("nothing", "import, ours, theirs", "import, theirs, ours", "ours alone")
"""For a driver that is instrumented below one of the libraries, everything else being about the library, and
for the second driver of those that have all in common.
"""

SIX_ORDERS = (*FEW_ORDERS, "theirs, ours, theirs undone", "ours, theirs, ours undone")
THOROUGH = ("flask", "httpx", "psycopg", "redis")
"""Tried in all orders; of those of the others, wrapped in the same way, all but six are slow tests."""

FactsOf = Callable[[str, str], Facts]


@pytest.fixture(scope="session")
def facts_of(services: Services, tmp_path_factory: pytest.TempPathFactory) -> FactsOf:
    """The facts of a library in an order; found once, also when several processes run the tests."""
    run_id = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    base = tmp_path_factory.getbasetemp()
    shared = base if run_id is None else base.parent

    @cache
    def find(library: str, slow: bool) -> dict[str, Facts]:
        name = f"contract {library}{' slow' * slow}"
        result = shared / f"{name}.json"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not result.exists():
                orders = [order for order in orders_of(library) if is_slow(library, order) is slow]
                result.write_bytes(run(library, orders, services, shared))
        return msgspec.json.decode(result.read_bytes(), type=dict[str, Facts])

    return lambda library, order: find(library, is_slow(library, order))[order]


def run(library: str, orders: Sequence[str], services: Services, folder: Path) -> bytes:
    """What the process prints that tries those orders of a library."""
    own = {name: value for name, value in without_settings().items() if not name.startswith("PYTHON")}
    # the standard instrumentation takes SQLAlchemy 2.0, not the newer one
    path = os.pathsep.join([python_path("2.0"), str(ROOT)])
    in_c = c_extension.environment() if library == "mysqlconnector in c" else {}
    done = subprocess.run(
        [sys.executable, "-m", "timetracer_otel.testing", subject_of(library), *orders],
        env={**own, **services.environment, **in_c, "PYTHONPATH": path},
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def facts(facts_of: FactsOf, library: str, order: str) -> Facts:
    return facts_of(library, order)


def subject_of(library: str) -> str:
    """Where the subject is, as the process is told."""
    return f"{SUBJECTS[library].__module__}:{SUBJECTS[library].__qualname__}"


def orders_of(library: str) -> tuple[str, ...]:
    if library == "celery":
        return (*FEW_ORDERS, "ours, theirs, ours undone")  # contrib listens to signals: little can meet
    if library in ("aiokafka", "boto3") or library.startswith("grpc"):
        return SIX_ORDERS
    few = " over " in library or library in ("mysqlconnector", "mysqlconnector in c", "motor")
    return FEW_ORDERS if few or not SUBJECTS[library].instrumentor else tuple(ORDERS)


def is_slow(library: str, order: str) -> bool:
    return library not in THOROUGH and order not in SIX_ORDERS


HTTP = ("httpx", "httpx2", "requests", "urllib3", "urllib", "aiohttp")


def case(library: str, order: str) -> ParameterSet:
    """One case; where its server is not installed, it is named as not run."""
    needs = getattr(SUBJECTS[library], "needs", None)
    marks = [pytest.mark.needs(*needs.split())] if needs else []
    return pytest.param(library, order, marks=[*marks, *[pytest.mark.slow] * is_slow(library, order)])


CASES = [(library, order) for library in SUBJECTS for order in orders_of(library)]
each_case = pytest.mark.parametrize(("library", "order"), [case(*one) for one in CASES])
each_case_undone = pytest.mark.parametrize(
    ("library", "order"),
    [case(library, order) for library, order in CASES if not in_force(ORDERS[order], "ours")],
)


@each_case
def test_the_app_gets_what_it_gets_without_us(
    facts_of: FactsOf, facts: Facts, library: str, order: str
) -> None:
    assert facts.results == facts_of(library, "nothing").results
    assert facts.problems == []


@each_case
def test_each_call_is_recorded_once_and_on_the_span_that_stands_for_it(
    facts: Facts, library: str, order: str
) -> None:
    recorded = [seen for seen in facts.recorded if seen]
    steps = ORDERS[order]
    bare = library.startswith("plain") and (is_late(steps) or not in_force(steps, "theirs"))
    if bare or not in_force(steps, "ours"):
        assert [seen for cassette in recorded for seen in cassette if seen.integration != "app"] == []
    elif library in ("confluent-kafka", "grpc.aio server") and is_made_before(ORDERS[order]):
        assert recorded == []  # an object of C's own class; a server whose interceptors were given to it
    elif issubclass(SUBJECTS[library], Framework):
        assert recorded == expected_requests(library, scope_of(library, order))
    else:
        undone = "theirs undone" in ORDERS[order]
        assert recorded == [expected_calls(library, scope_of(library, order), undone=undone)]


@each_case
def test_we_make_spans_only_where_nobody_else_does(facts: Facts, library: str, order: str) -> None:
    carriers = [seen.scope for cassette in facts.recorded for seen in cassette if seen.integration != "app"]
    assert facts.scopes.get(OURS, 0) == carriers.count(OURS)


@each_case
def test_the_standard_instrumentation_goes_on_without_us(facts: Facts, library: str, order: str) -> None:
    steps, subject = ORDERS[order], SUBJECTS[library]
    made = facts.scopes.get(subject.scope, 0)
    if subject.instrumentor and in_force(steps, "theirs"):
        # of an application or a MongoDB client that was there before, contrib knows nothing; of an engine,
        # only connections
        unseen = issubclass(subject, Framework) or library in ("pymongo", "confluent-kafka")
        assert (made > 0) is not (unseen and is_late(steps))
    else:
        # see expected_calls
        assert made == (library == "sqlalchemy" and "theirs undone" in steps)


@each_case_undone
def test_undone_nothing_of_us_is_left(facts: Facts, library: str, order: str) -> None:
    assert (facts.ours, facts.changed) == ([], [])


def is_late(steps: tuple[str, ...]) -> bool:
    """True when the standard instrumentation came after the client was made."""
    return "theirs" in steps[steps.index("client") :]


def is_made_before(steps: tuple[str, ...]) -> bool:
    """True when the client was made before we came."""
    return "ours" in steps[steps.index("client") :]


def scope_of(library: str, order: str) -> str:
    """Whose spans carry the payloads."""
    steps = ORDERS[order]
    subject = SUBJECTS[library]
    if not subject.instrumentor:
        return OURS
    if library == "aiokafka":
        return OURS  # contrib's span is over before the record is sent
    # applications, engines and MongoDB clients are instrumented when they are made; httpx and redis
    # clients by their class
    made = library.startswith(("sqlalchemy", "pymongo")) or issubclass(subject, Framework)
    blind = is_late(steps) and made
    if in_force(steps, "theirs") and not blind:
        return subject.scope
    # FastAPI has telemetry of its own
    return "fastapi" if library == "fastapi" else OURS


def expected_calls(library: str, scope: str, *, undone: bool) -> list[Seen]:
    """The calls of the job, in one cassette, also those made in threads.

    ``undone``: the standard instrumentation of SQLAlchemy forgets to undo ``create_async_engine``.
    """
    name = SUBJECTS[library].integration
    if name in HTTP:
        asked, answer = ["/json?way=sync", "/closed", "/json?way=thread", "/json?way=async"], "HttpResponse"
    elif name == "redis":
        asked, answer = ["ECHO sync", "NO SUCH command", "ECHO thread", "ECHO async"], "RedisReply"
    elif name == "pymongo":
        find, answer = (
            'find shop.things {{"filter": {{"way": "{}"}}, "limit": 1, "singleBatch": true}}',
            "MongoReply",
        )
        asked = [find.format("sync"), "noSuchCommand shop", find.format("thread"), find.format("async")]
    elif name == "celery":
        asked = ["open.add('sync')", "closed.add('closed')", "open.add('thread')", "open.add('async')"]
        answer = "TaskOutcome"
    elif library == "boto3":
        asked, answer = (
            ["/?prefix=sync", "/closed?location", "/?prefix=thread", "/?prefix=async"],
            "HttpResponse",
        )
    elif library == "grpc":
        asked = ["/AskJson (6 bytes)", "/Missing (0 bytes)", "/AskJson (8 bytes)", "/AskJson (7 bytes)"]
        asked, answer = [f"/shop.Stock{one}" for one in asked], "GrpcReply"
    elif "kafka" in library:
        failing = "outside'" if library == "aiokafka" else "x" * 36 + "..."
        asked = ["contract: 'sync'", f"contract: '{failing}", "contract: 'thread'", "contract: 'async'"]
        answer = "KafkaDelivery"
    elif "smtplib" in library:
        asked = [f"SEND to {way}@example.com: contract" for way in ("sync", "refused", "thread", "async")]
        answer = "MailReply"
    else:
        named = "psycopg" in library or "mysql" in library or library == "asyncmy"
        place = "%(way)s" if named else "$1" if library == "asyncpg" else "?"
        select = f"SELECT {place} AS way, 1.5"
        asked, answer = [select, "SELECT * FROM missing", select, select], "SqlResult"
        if library == "sqlalchemy over pymysql":
            asked[-1] = "SELECT %s AS way, 1.5"  # aiomysql knows no names
    # errors of these are answers like any other
    failure = answer if name in ("pymongo", "botocore", "grpc", "smtplib", "aiosmtplib") else "Failure"
    answers = [answer, failure, answer, answer]
    calls = [Seen(name, request, scope, answer) for request, answer in zip(asked, answers, strict=True)]
    if name == "aiokafka":
        started = Seen(name, "Producer.start()", OURS, "FunctionResult")
        calls = [one for call in calls for one in (started, call)]
    if "smtplib" in library:  # each mail has a connection of its own
        calls = [
            msgspec.structs.replace(call, request=request or call.request)
            for call in calls
            for request in ("CONNECT", "EHLO", "", "QUIT")
        ]
    if name == "sqlalchemy" and undone:
        calls[-1] = msgspec.structs.replace(calls[-1], scope=SUBJECTS[library].scope)
    return calls


def expected_requests(library: str, scope: str) -> list[list[Seen]]:
    """One cassette a request, the work it does in it: also in threads."""
    reads_body = {
        "fastapi": ("/async", "/sync"),
        "starlette": ("/async",),
        "litestar": ("/async", "/sync"),
        "flask": ("/sync",),
        "django": ("/async", "/sync"),
        "django over asgi": ("/async", "/sync", "/thread", "/failing"),
        "plain asgi": ("/async", "/sync", "/thread", "/failing"),
        "plain wsgi": ("/sync", "/thread", "/failing"),
    }.get(library, ())
    requests = []
    for path in SUBJECTS[library].paths:  # type: ignore[attr-defined]  # frameworks have them
        body = '{"n": 1}' if path in reads_body else ""
        # the exception is passed on to the server, which answers
        passed_on = path == "/failing" and library in ("flask", "plain asgi", "plain wsgi")
        answer = "NoneType" if passed_on else "HttpResponse"
        name = SUBJECTS[library].integration
        request = [Seen(name, f"{path}?q=1 {body}", scope, answer)]
        if name == "grpc_server":
            request = [Seen(name, f"/shop.Work{path} (8 bytes)", scope, "GrpcReply")]
        if path != "/failing":
            request.append(Seen("app", f"work {path}", "app", ""))
        requests.append(request)
    return requests


def test_every_library_that_we_know_is_under_contract() -> None:
    known = {one.name for one in all_integrations()}
    assert known - {subject.integration for subject in SUBJECTS.values()} == {
        "uvicorn",  # a server: tests/fidelity
        "credentials",  # no calls: tests/integrations/credentials
        "http.client", "aiosqlite", "tortoise",  # beneath or beside those that make the calls
    }  # fmt: skip
