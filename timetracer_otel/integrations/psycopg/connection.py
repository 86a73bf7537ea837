"""What is known of a connection of psycopg, and what stands in for libpq's in a replay."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import conninfo, errors, pq
from psycopg._encodings import pg2pyenc
from psycopg.adapt import AdaptersMap

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi.core import DriverIntegration, replaying
from timetracer_otel.integrations.dbapi.links import Link, written
from timetracer_otel.integrations.psycopg.results import RecordedResult

_ATTRIBUTE = "_timetracer_link"
_PARAMETERS = (
    "server_version", "server_encoding", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone",
    "integer_datetimes", "standard_conforming_strings", "application_name",
)  # fmt: skip
_ENDS = re.compile(rb"\s*(commit|rollback|end|abort)\s*(;|$|prepared\b)", re.I)
_BEGINS = re.compile(rb"\s*(begin|start)\b", re.I)
_BACK = re.compile(rb"\s*rollback\s+to\b", re.I)


class NoConnection:
    """Reads like libpq's connection, to a server that was there when it was recorded.

    Args:
        parameters: what the app asked for.
        learned: what the recorded connection had learned of its server.
    """

    def __init__(self, parameters: dict[str, Any], learned: dict[str, Any]) -> None:
        self.status = pq.ConnStatus.OK
        self.held = pq.TransactionStatus.IDLE
        """The transaction, whatever is under way in a pipeline."""
        self.busy = False
        """Something was sent in a pipeline, and not all of it is answered."""
        self.pipeline_status = pq.PipelineStatus.OFF
        self.socket = -1
        self.backend_pid = 0
        self.protocol_version = 3
        self.full_protocol_version = 30000
        self.server_version = int(learned.get("server_version") or 160000)
        self.error_message = b""
        self.needs_password = self.used_password = self.used_gssapi = self.ssl_in_use = False
        self.nonblocking = 1
        self.notice_handler: Any = None
        self.notify_handler: Any = None
        self._learned = dict(learned.get("parameters") or {})
        self._known = self._learned
        self._synced = False

        def told(name: str, default: str = "") -> bytes:
            return str(parameters.get(name) or default).encode()

        self.db, self.user, self.host = told("dbname"), told("user"), told("host")
        self.hostaddr, self.port = told("hostaddr"), told("port", "5432")
        self.password, self.options, self.tty = told("password"), told("options"), b""
        self.info: list[Any] = []

    @property
    def transaction_status(self) -> pq.TransactionStatus:
        """The transaction; active while a pipeline is."""
        return pq.TransactionStatus.ACTIVE if self.busy else self.held

    @transaction_status.setter
    def transaction_status(self, status: pq.TransactionStatus) -> None:
        self.held = status

    def enter_pipeline_mode(self) -> None:
        """Begin a pipeline."""
        self.pipeline_status = pq.PipelineStatus.ON

    def exit_pipeline_mode(self) -> None:
        """End it."""
        self.pipeline_status, self.busy = pq.PipelineStatus.OFF, False

    def pipeline_sync(self) -> None:
        """What is sent from here on is answered whatever failed before."""
        self._synced = True

    def settle(self) -> None:
        """All that was sent is answered."""
        if self._synced:
            self._synced = self.busy = False
            self.pipeline_status = pq.PipelineStatus.ON

    def fail(self) -> None:
        """Something failed in a pipeline."""
        self.pipeline_status = pq.PipelineStatus.ABORTED
        if self.held == pq.TransactionStatus.INTRANS:
            self.held = pq.TransactionStatus.INERROR

    @property
    def _encoding(self) -> str:
        """What psycopg reads and writes text in."""
        return pg2pyenc(self.parameter_status(b"client_encoding") or b"UTF8")

    def parameter_status(self, name: bytes) -> bytes | None:
        """A setting that the recorded server reported."""
        value = self._known.get(name.decode())
        return None if value is None else str(value).encode()

    def change(self, settings: dict[str, str]) -> None:
        """These settings are others than the server first reported."""
        self._known = {**self._learned, **settings} if settings else self._learned

    def relearn(self, learned: dict[str, Any]) -> None:
        """The recorded server was that one; settings stay as they were changed."""
        changed = {name: text for name, text in self._known.items() if self._learned.get(name) != text}
        self.server_version = int(learned.get("server_version") or 160000)
        self._learned = dict(learned.get("parameters") or {})
        self.change(changed)

    def finish(self) -> None:
        """Close it."""
        self.status = pq.ConnStatus.BAD
        self.transaction_status = pq.TransactionStatus.UNKNOWN

    def hold_transaction(self, *, open_: bool) -> None:
        """Be in a transaction, or not."""
        self.transaction_status = pq.TransactionStatus.INTRANS if open_ else pq.TransactionStatus.IDLE

    def command(self, command: bytes) -> RecordedResult:
        """Do what a command about transactions does."""
        if _BEGINS.match(command) or _BACK.match(command):
            self.transaction_status = pq.TransactionStatus.INTRANS
        elif _ENDS.match(command):
            self.transaction_status = pq.TransactionStatus.IDLE
        return RecordedResult([], [], {"status": int(pq.ExecStatus.COMMAND_OK), "command": ""})


def made(namespace: str, learned: dict[str, Any], adapters: Any, *, asynchronous: bool) -> Any:
    """A replayed connection that nobody connected.

    Args:
        namespace: the database's name.
        learned: what the recorded connection had learned of its server.
        adapters: how values are adapted; as psycopg does it, where that is ``None``.
        asynchronous: of psycopg's asynchronous class.
    """
    kind: Any = psycopg.AsyncConnection if asynchronous else psycopg.Connection
    connection = kind(NoConnection({"dbname": namespace}, learned))
    if adapters is not None:
        connection._adapters = AdaptersMap(adapters)
    return connection


def is_replayed(context: Any) -> bool:
    """True for a replayed connection, and what belongs to one."""
    try:
        connection = getattr(context, "connection", None) or context
        return isinstance(getattr(connection, "pgconn", None), NoConnection)
    except Exception as error:
        if replaying():
            raise
        ports.report("psycopg: asking whether a connection is replayed", error)
        return False


def known_link_of(connection: Any) -> Link | None:
    """What is known of a connection that was seen before."""
    link: Link | None = vars(connection).get(_ATTRIBUTE)
    return link


def link_of(connection: Any, integration: DriverIntegration) -> Link:
    """What is known of a connection, made when it is first seen."""
    link = known_link_of(connection)
    if link is None:
        link = Link(integration, "")
        try:
            info = connection.info
            link.namespace = info.dbname
            parameters = {name: info.parameter_status(name) for name in _PARAMETERS}
            known = {name: value for name, value in parameters.items() if value is not None}
            link.learned = {"server_version": info.server_version, "parameters": known}
            link.server = written("psycopg", link.namespace, link.learned)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("psycopg: what a connection knows of its server", error)
        vars(connection)[_ATTRIBUTE] = link
    return link


def attach(connection: Any, link: Link) -> None:
    """That is what is known of a replayed connection."""
    vars(connection)[_ATTRIBUTE] = link


def parameters_of(text: str) -> dict[str, Any]:
    """What a connection string asks for."""
    try:
        return dict(conninfo.conninfo_to_dict(text))
    except errors.Error:
        return {}
