"""What others call of us: the functions that must be seen to fail without harm.

Found, not listed: every method of every integration (those of other packages too), of everything that
stands behind a port, and of everything that OpenTelemetry's SDK calls.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from tests.services.programs import find

REPLAY_ONLY = frozenset(
    {
        "AsyncpgIntegration.error_roots", "AsyncpgIntegration.rows", "fault_class", "faults", "pause",
        "rebuild", "rebuild_failure", "exception_classes", "recorded_requests", "own_error", "_given_back",
        "RecordedEntry.start", "Recorder.await_cancellation", "AiokafkaIntegration._next",
        "HttpxIntegration._rebuild_argument", "HttpxIntegration._read", "SqlAlchemyIntegration._checkout",
        "SqlAlchemyIntegration._fail_to_connect", "DriverIntegration.fail_to_connect",
        "_connect_to_nothing", "plugged", "replayed_ends",
        "MySqlIntegration._fail_again", "MySqlIntegration._unplug", "MySqlIntegration._written",
        "MySqlIntegration.given", "MySqlConnectorIntegration.given", "MySqlClientIntegration.given",
        "MySqlClientIntegration._unplug", "MySqlClientIntegration.watched", "MySqlClientIntegration.plug",
        "MySqlIntegration.replayed_line",
        "MySqlIntegration.cancelled", "AioMySqlIntegration.cancelled", "AsyncmyIntegration.cancelled",
        "AsyncmyIntegration.given", "AsyncmyIntegration.error_roots", "AsyncmyIntegration.plug",
        "begun", "stand_in", "reader", "renew",
        "AiosmtplibIntegration.break_off", "AiosmtplibIntegration.secure", "SmtplibIntegration.break_off",
        "SmtplibIntegration.secure", "MailLibrary._made_up", "MailLibrary._speak",
    }
)  # fmt: skip
"""Methods, or classes with methods, that recording never calls."""

NOT_IN_REQUESTS = frozenset(
    {
        "__init__", "points",  # see test_setting_up.py
        "after_fork", "close", "shutdown", "statistics",  # see test_exporters.py
        "UvicornIntegration._shutdown",  # see test_disk.py
        "Outbox._give_up",  # of 10,000 traces under way: tests/unit/test_assembler.py
        "ValueRecorder.events",  # the cassette has their times as well
        "RecordedExchange.forget",  # of blocks, see timetracer_otel.blocks
        # as above, see tests/api/test_blocks_beside_requests.py
        "SpanTap.begin_block", "SpanTap.end_block", "SpanTap._leave", "Recorder.retire",
        "Outbox._crowded_out",  # when bytes fill the memory allowed: test_slow_disk.py
        # for replays
        "Recorder.recorded_requests", "Recorder.pending_requests", "IncomingRequests.deliver",
        "Recorder.lost", "Outbox.sum_up", "GrpcIntegration._unreadable",  # called by what reports a fault
        # the process ends
        "Recorder.wait_for_sent", "IncomingRequests.wait_for_sent",
        "RecordedEntry.sent", "BoundEntry.sent", "BoundEntry.cut_off",
        "AsyncmyIntegration._derived",  # once for each class of cursors
        "MySqlClientIntegration._method",  # once for each class of connections
        "AsyncmyIntegration._miss",  # called by what reports a fault
        # their points have flows of their own
        "PyMongoIntegration.request", "GrpcIntegration.request", "GrpcIntegration.answer",
        "ConfluentKafkaIntegration.request", "ConfluentKafkaIntegration.answer",
        "AiokafkaIntegration.request", "MailLibrary.request",
        "DriverIntegration.commit",  # of drivers that are asynchronous; sqlite3 has ask()
    }
)  # fmt: skip
"""As above, of what is called outside requests only."""

PENDING: dict[str, str] = {}
"""Integrations, or single hooks of one, that no job in :mod:`tests.faults.jobs` calls yet, and why.

Nothing of them is made to fail. Whoever adds an integration adds a job, or names it here.
"""

NOT_REACHED: dict[str, str] = {
    "timetracer_otel.integrations.aiohttp.integration:_waited": "only where an answer is late",
    "timetracer_otel.integrations.celery.integration:_unseen": "a worker's own, before any task",
    "timetracer_otel.integrations.credentials.passwords:_check_password": "nobody signs in there",
    "timetracer_otel.integrations.django:_connect_to_file": "the site of the jobs has no SQLite",
    "timetracer_otel.integrations.django:_usable": "the site of the jobs keeps no connection",
    "timetracer_otel.integrations.django_auth:_compare": "nobody signs in there",
    "timetracer_otel.integrations.django_auth:_hash": "as above",
    "timetracer_otel.integrations.pymongo.functions:_command": "PyMongo's own, before 4.18",
    "timetracer_otel.integrations.pymongo.functions:_receiving.wrapper": "as above",
    "timetracer_otel.integrations.pymongo.functions:_sending": "as above",
    "timetracer_otel.integrations.pymongo.spans:keep": "the jobs run without that instrumentation",
}
"""Functions at points that no job need call, and why. They are made to fail where one does."""

ON_MYSQL = "timetracer_otel.integrations.mysql."
"""Where integrations are whose server is not installed everywhere."""
BY_CLIENT = (f"{ON_MYSQL}client_", f"{ON_MYSQL}mysqlclient:")
"""Of those, what a driver needs that is not built everywhere."""


def absent() -> frozenset[str]:
    """Integrations that no job calls, as there is no server for them here."""
    on_mysql = ("pymysql", "aiomysql", "asyncmy", "mysqlclient", "mysqlconnector", "mysqlconnector.aio")
    not_built = () if find("mysqlclient") else ("mysqlclient",)
    return frozenset(not_built if "DB_PYMYSQL" in os.environ else on_mysql)


TRUSTED: dict[str, frozenset[str]] = {
    "compares or assigns, and no more": frozenset(
        {
            "timetracer_otel.integrations.asgi:_Conversation.__init__",
            "timetracer_otel.integrations.asyncpg.copying:_to_file",
            "timetracer_otel.integrations.entries:activated.__init__",
            "timetracer_otel.integrations.wsgi:_Body.__init__",
            "timetracer_otel.integrations.grpc.rpc:_Ending.__enter__",
            "timetracer_otel.integrations.grpc.rpc:_Ending.__init__",
            "timetracer_otel.integrations.kafka.methods:configuration",
            "timetracer_otel.integrations.kafka.polled:answers",
            "timetracer_otel.integrations.kafka.producing:_Sending.__init__",
            "timetracer_otel.integrations.wrapping:installed",
            "timetracer_otel.integrations.wsgi:WsgiIntegration._starting",
            "timetracer_otel.integrations.flows:_Made.__init__",
            "timetracer_otel.integrations.dbapi.core:replaying",
            "timetracer_otel.integrations.dbapi.passing:safely",
            "timetracer_otel.integrations.base:Once.__init__",
            "timetracer_otel.integrations.mysql.c_library:WatchedStatement.__init__",
            "timetracer_otel.integrations.mysql.calls:MySqlIntegration.let_through",
            "timetracer_otel.integrations.mysql.client_classes:_reader.read",
            "timetracer_otel.integrations.mysql.client_classes:shim.set_character_set",
            "timetracer_otel.integrations.mysql.client_library:Telling._timetracer_answering",
            "timetracer_otel.integrations.mysql.lines:Line.speaking",
            "timetracer_otel.integrations.psycopg2.connection:making",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor._timetracer_held_rows",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor.timetracer_link",
            "timetracer_otel.integrations.psycopg2.described:Described._timetracer_own",
            "timetracer_otel.integrations.psycopg2.described:Described.description",
            "timetracer_otel.integrations.psycopg2.described:Described.lastrowid",
            "timetracer_otel.integrations.psycopg2.described:Described.statusmessage",
            "timetracer_otel.integrations.sqlalchemy.integration:SqlAlchemyIntegration._mocks",
            "timetracer_otel.integrations.sqlalchemy.ending:Commit.__init__",
            "timetracer_otel.integrations.sqlalchemy.integration:isinstance_of_replay",
            "timetracer_otel.integrations.sqlalchemy.pools:is_twin",
            "timetracer_otel.integrations.sqlite3.connection:Connection.__new__",
            "timetracer_otel.integrations.sqlite3.connection:making",
            "timetracer_otel.integrations.sqlite3.cursor:Cursor._timetracer_strict",
            "timetracer_otel.integrations.sqlite3.cursor:_Seen.__call__",
            "timetracer_otel.integrations.aiohttp.integration:_talk",
            "timetracer_otel.integrations.httpclient.callers:replaying",
            "timetracer_otel.integrations.httpclient.connection:HttpClientIntegration._caller",
            "timetracer_otel.integrations.smtp.talk:talk_here",
            "timetracer_otel.integrations.smtp.talk:talk_of",
            "timetracer_otel.ports.standing:current",
            "timetracer_otel.ports.standing:current_entry",
            "timetracer_otel.ports.standing:entry_port",
            "timetracer_otel.ports.within:is_inside",
        }
    ),
    "makes the app's own call, and guards what it does besides": frozenset(
        {
            "timetracer_otel.integrations.base:Invocation.proceed",
            "timetracer_otel.integrations.flows:run",
            "timetracer_otel.integrations.flows:run_async",
            "timetracer_otel.integrations.direct:record",
            "timetracer_otel.integrations.direct:record_async",
            "timetracer_otel.integrations.grpc.rpc:Rpc._reading.read",
            "timetracer_otel.integrations.wrapping:around.wrapper",
            "timetracer_otel.integrations.base:Once.__call__",
            "timetracer_otel.integrations.aiohttp.integration:_connection",
            "timetracer_otel.integrations.asyncpg.copying:_Copying._sending.live",
            "timetracer_otel.integrations.asyncpg.copying:_Copying.receive.copy",
            "timetracer_otel.integrations.asyncpg.copying:_Copying.records.copy",
            "timetracer_otel.integrations.asyncpg.copying:_Copying.send.copy",
            "timetracer_otel.integrations.asyncpg.copying:_Copying.send.read",
            "timetracer_otel.integrations.asyncpg.copying:_to_file.write",
            "timetracer_otel.integrations.asyncpg.cursors:_Cursors.next.batch",
            "timetracer_otel.integrations.asyncpg.integration:raising.again",
            "timetracer_otel.integrations.httpclient.connection:HttpClientIntegration._connect_live",
            "timetracer_otel.integrations.celery.integration:_undrawn.wrapped",
            "timetracer_otel.integrations.celery.results:_asked.wrapped",
            "timetracer_otel.integrations.celery.results:CeleryResults._store.store",
            "timetracer_otel.integrations.celery.results:CeleryResults._wait.waited",
            "timetracer_otel.integrations.celery.results:CeleryResults._iterate.collected",
            "timetracer_otel.integrations.grpc.asynchronous:WatchedCall._reading",
            "timetracer_otel.integrations.grpc.rpc:_Requests.__next__",
            "timetracer_otel.integrations.kafka.producing:_Report.__call__",
            "timetracer_otel.integrations.wsgi:_Body.__next__",
            "timetracer_otel.integrations.sqlalchemy.integration:SqlAlchemyIntegration._last_phase",
            "timetracer_otel.integrations.sqlalchemy.listeners:_Listeners.__call__",
            "timetracer_otel.integrations.sqlalchemy.ending:Endings._end_phase",
            "timetracer_otel.integrations.sqlalchemy.integration:SqlAlchemyIntegration._executemany.executemany",
            "timetracer_otel.integrations.sqlalchemy.recording:RecordingCursor.__getattr__",
            "timetracer_otel.integrations.sqlalchemy.recording:RecordingCursor.__next__",
            "timetracer_otel.integrations.sqlalchemy.recording:RecordingCursor._timetracer_fetch",
            "timetracer_otel.integrations.sqlalchemy.recording:RecordingCursor._timetracer_run",
            "timetracer_otel.integrations.sqlalchemy.recording:RecordingCursor.timetracer_call",
            "timetracer_otel.integrations.dbapi.core:once",
            "timetracer_otel.integrations.dbapi.cursors:WatchedCursor.timetracer_ask",
            "timetracer_otel.integrations.dbapi.cursors:WatchedCursor.timetracer_fetch",
            "timetracer_otel.integrations.psycopg.piping:Piping._watching",
            "timetracer_otel.integrations.psycopg2.connection:Connection._timetracer_call_of.called",
            "timetracer_otel.integrations.psycopg2.connection:Connection.rollback",
            "timetracer_otel.integrations.psycopg2.connection:Connection.timetracer_call",
            "timetracer_otel.integrations.psycopg2.copying:_Reading.read",
            "timetracer_otel.integrations.psycopg2.copying:_Writing.write",
            "timetracer_otel.integrations.psycopg2.copying:receive",
            "timetracer_otel.integrations.psycopg2.copying:receive.live",
            "timetracer_otel.integrations.psycopg2.copying:send",
            "timetracer_otel.integrations.psycopg2.copying:send.live",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor.__init__",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor.close",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor.execute",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor.fetchone",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor._timetracer_copied",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor.timetracer_copy",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor._timetracer_rows",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor._timetracer_statement",
            "timetracer_otel.integrations.psycopg2.cursor:Cursor._timetracer_tuples",
            "timetracer_otel.integrations.mysql.c_telling:Telling.command",
            "timetracer_otel.integrations.mysql.c_telling:Telling.more",
            "timetracer_otel.integrations.mysql.calls:MySqlIntegration._live.awaited",
            "timetracer_otel.integrations.mysql.calls:MySqlIntegration._live.live",
            "timetracer_otel.integrations.mysql.client_library:Telling._timetracer_ask",
            "timetracer_otel.integrations.mysql.client_library:Telling._timetracer_end",
            "timetracer_otel.integrations.mysql.client_library:Telling._timetracer_result",
            "timetracer_otel.integrations.mysql.client_library:Telling._timetracer_tell",
            "timetracer_otel.integrations.mysql.client_library:Telling.autocommit",
            "timetracer_otel.integrations.mysql.client_library:Telling.close",
            "timetracer_otel.integrations.mysql.client_library:Telling.commit",
            "timetracer_otel.integrations.mysql.client_library:Telling.discard_result",
            "timetracer_otel.integrations.mysql.client_library:Telling.next_result",
            "timetracer_otel.integrations.mysql.client_library:Telling.query",
            "timetracer_otel.integrations.mysql.client_library:Telling.rollback",
            "timetracer_otel.integrations.mysql.client_library:Telling.store_result",
            "timetracer_otel.integrations.mysql.client_library:Telling.use_result",
            "timetracer_otel.integrations.mysql.client_library:_asking.ask",
            "timetracer_otel.integrations.mysql.client_result:WatchedResult.__getattr__",
            "timetracer_otel.integrations.mysql.client_result:WatchedResult.discard",
            "timetracer_otel.integrations.mysql.client_result:WatchedResult.fetch_row",
            "timetracer_otel.integrations.mysql.mysqlclient:MySqlClientIntegration._method.called",
            "timetracer_otel.integrations.pymongo.commands:Commands._receive",
            "timetracer_otel.integrations.pymongo.objectids:NewObjectId.live",
            "timetracer_otel.integrations.smtp.asynchronous:AiosmtplibIntegration._read_response",
            "timetracer_otel.integrations.smtp.asynchronous:AiosmtplibIntegration._write",
            "timetracer_otel.integrations.smtp.blocking:SmtplibIntegration._getreply",
            "timetracer_otel.integrations.smtp.blocking:SmtplibIntegration._send",
            "timetracer_otel.integrations.smtp.conversation:MailLibrary.host_name",
            "timetracer_otel.integrations.sqlite3.connection:Connection._timetracer_callback",
            "timetracer_otel.integrations.sqlite3.connection:Connection._timetracer_end",
            "timetracer_otel.integrations.sqlite3.cursor:Cursor._timetracer_fetch",
            "timetracer_otel.integrations.sqlite3.cursor:Cursor._timetracer_run",
            "timetracer_otel.integrations.sqlite3.cursor:Cursor.execute",
            "timetracer_otel.integrations.sqlite3.cursor:Cursor.executemany",
            "timetracer_otel.integrations.sqlite3.cursor:Cursor.executescript",
            "timetracer_otel.integrations.threads:Carried.__call__",
            "timetracer_otel.nondeterminism.clock:ClockDraw.live",
            "timetracer_otel.nondeterminism.draws:RandomBits.live",
            "timetracer_otel.nondeterminism.draws:RandomBytes.live",
            "timetracer_otel.nondeterminism.draws:RandomFloat.live",
            "timetracer_otel.nondeterminism.draws:SpareGauss.live",
            "timetracer_otel.nondeterminism.draws:TimeUuid.live",
            "timetracer_otel.nondeterminism.draws:Uuid4Bytes.live",
            "timetracer_otel.nondeterminism.recording:ValueRecorder.draw",
        }
    ),
    "takes back a context variable's value, or a lock, which cannot fail": frozenset(
        {
            "timetracer_otel.exporters.native:Condition.__exit__",
            "timetracer_otel.exporters.bound:_Activation.__exit__",
            "timetracer_otel.exporters.exchange:RecordedExchange._leave",
            "timetracer_otel.integrations.kafka.polled:Polled.end",
            "timetracer_otel.integrations.entries:activated.__exit__",
            "timetracer_otel.integrations.smtp.talk:speaking.__exit__",
            "timetracer_otel.nondeterminism.source:drawing_from.__exit__",
            "timetracer_otel.ports.standing:entered.__exit__",
        }
    ),
    "calls one function, which guards itself": frozenset(
        {
            "timetracer_otel.integrations.bodies:ResponseBody.closed",
            "timetracer_otel.integrations.bodies:ResponseBody.ended",
            "timetracer_otel.integrations.grpc.rpc:_Ending.__exit__",
            "timetracer_otel.integrations.smtp.talk:note",
            "timetracer_otel.integrations.wsgi:_Body._end",
            "timetracer_otel.integrations.wsgi:_Input._note",
            "timetracer_otel.ports.failing:report",
        }
    ),
}
"""Functions that are not made to fail: nothing in them could, and nobody above them could mend it."""


MARKED = (
    "timetracer_otel.values.",
    "timetracer_otel.integrations.dbapi.values:",
    "timetracer_otel.integrations.sqlalchemy.",
)
"""Where a value that cannot be read is no fault: something else stands in its place, and says so."""

KEPT_BY_NOBODY = (
    "fastapi start-up", "fastapi /health", "litestar start-up", "django set-up",
    "grpc Missing", "grpc.aio Missing",
)  # fmt: skip
"""Requests of which there is no cassette: those that call nobody, one that is excluded, and RPCs that no
method answers.
"""


def trusted() -> frozenset[str]:
    """All of them."""
    return frozenset().union(*TRUSTED.values())


def hooks(kinds: Iterable[type]) -> list[str]:
    """The names of the hooks that requests call, as :mod:`tests.faults.injection` spells them."""
    return sorted({name for kind in kinds for name in methods(kind) if not is_pending(name)})


def at_points() -> list[str]:
    """The functions that integrations put around those of libraries, of whichever class they are."""
    return sorted(name for name in _at_points() if not is_pending(name))


def _at_points() -> Iterator[str]:
    from timetracer_otel.integrations import all_integrations

    for integration in all_integrations():
        for point in integration.points():
            function: Any = point.handler or point.wrapper
            while isinstance(function, functools.partial):
                function = function.func
            if function is None:
                continue
            function = inspect.unwrap(getattr(function, "__func__", function))
            path = function.__qualname__.replace("<locals>.", "")
            name = f"{function.__module__}:{path}"
            if name not in NOT_REACHED and not (REPLAY_ONLY | NOT_IN_REQUESTS) & {function.__name__, path}:
                yield name


def homes() -> dict[str, str]:
    """The file or folder of each integration, by its name: ``timetracer_otel.integrations.redis``."""
    from timetracer_otel.integrations import all_integrations

    return {one.name: ".".join(type(one).__module__.split(".")[:3]) for one in all_integrations()}


def is_pending(function: str) -> bool:
    """True for what an integration does that no job calls yet."""
    known = homes()
    return function in PENDING or any(
        _within(function, known[name]) for name in {*PENDING, *absent()} if name in known
    )


def jobless(reached: Iterable[str]) -> list[str]:
    """Integrations that no request here calls, and that are not named as pending.

    Args:
        reached: the functions that requests called.
    """
    called = list(reached)
    return sorted(
        name
        for name, home in homes().items()
        if name not in {*PENDING, *absent()} and not any(_within(function, home) for function in called)
    )


def unknown() -> list[str]:
    """What the table of pending ones names, and is neither an integration nor a hook."""
    there = {*homes(), *(name for kind in classes() for name in methods(kind)), *_at_points()}
    return sorted(PENDING.keys() - there)


def _within(function: str, home: str) -> bool:
    return function.startswith((f"{home}:", f"{home}."))


def classes() -> Iterator[type]:
    """The classes whose methods others call."""
    from timetracer_otel.exporters.bound import BoundEntry
    from timetracer_otel.exporters.entry import RecordedEntry, RecordedStartup
    from timetracer_otel.exporters.exchange import RecordedExchange
    from timetracer_otel.exporters.incoming import IncomingRequests
    from timetracer_otel.exporters.outbox import Outbox
    from timetracer_otel.exporters.processor import SpanTap
    from timetracer_otel.exporters.recorder import Recorder
    from timetracer_otel.integrations import all_integrations
    from timetracer_otel.nondeterminism import ValueRecorder

    for integration in all_integrations():
        yield from (kind for kind in type(integration).__mro__ if kind.__module__ in sys.modules)
    yield from (
        Recorder,
        IncomingRequests,
        Outbox,
        RecordedExchange,
        BoundEntry,
        RecordedEntry,
        RecordedStartup,
        SpanTap,
        ValueRecorder,
    )


def methods(kind: type) -> Iterator[str]:
    """The methods that a class itself defines."""
    if kind.__module__ in ("builtins", "abc"):
        return
    for name, value in vars(kind).items():
        function: Any = inspect.unwrap(value) if callable(value) else value
        if not inspect.isfunction(function) or getattr(value, "__isabstractmethod__", False):
            continue
        if not (REPLAY_ONLY | NOT_IN_REQUESTS) & {name, function.__qualname__}:
            yield f"{kind.__module__}:{function.__qualname__}"
