"""What answers for mysqlclient's C library in a replay: what it told when it was recorded."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import exceptions
from timetracer_otel.integrations.dbapi import failures
from timetracer_otel.integrations.dbapi.core import refused
from timetracer_otel.integrations.dbapi.values import restore
from timetracer_otel.integrations.mysql import packets
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.replies import Part
from timetracer_otel.integrations.mysql.server import AUTOCOMMIT, IN_TRANSACTION, status_after
from timetracer_otel.messages import Failure

_GONE, _LOST = 2006, 2013
_NOT_RECEIVED = "Lost connection to server during query"
_ENDED = frozenset({1053, 1927, _GONE, _LOST, 2055, 4031})
"""Errors after which there is no connection any more."""
_PROTOCOL = 10


class ReplayedClient:
    """Stands where the C library's part of a connection would be.

    Args:
        line: the connection.
        status: of the connection, see the protocol.
    """

    def __init__(self, line: Line, status: int) -> None:
        self.open = True
        self.set_up = False
        """From now on only what was recorded is answered."""
        self.facts: list[Any] = [0, 0, 0, 0, status]
        """Rows affected, insert id, warnings, number of columns, status."""
        self._line = line
        self._said = ""
        self._charset = str(line.learned.get("charset") or "utf8mb4")
        self._waiting: list[Part] = []
        self._part: Part | None = None
        self._lost = False

    @property
    def pending(self) -> bool:
        """True where results of a reply were not asked for yet."""
        return bool(self._waiting)

    # -- statements

    def query(self, statement: Any) -> None:
        """Ask for a statement."""
        self._must_be_open()
        text = statement.encode() if isinstance(statement, str) else bytes(statement)
        self._receive(text)

    def _receive(self, text: bytes = b"") -> None:
        reply = self._line.next_reply()
        self._waiting, self._part, self._said = [], None, ""
        if reply is None:
            status = self.facts[-1] & ~packets.MORE_RESULTS
            self.facts = [0, 0, 0, 0, status_after(text, status, set_up=self.set_up) if text else status]
            return
        if not reply:
            raise self._line.beyond() or failure(_LOST, _NOT_RECEIVED)
        self._waiting = list(reply)
        self._advance()

    def _advance(self) -> None:
        self._part, self._said = None, ""
        part = self._waiting.pop(0)
        shape = part[2]
        self.facts[-1] &= ~packets.MORE_RESULTS
        raise_recorded(shape, self)
        if "ok" in shape:
            affected, insert_id, status, warnings, self._said = shape["ok"]
            self.facts = [affected, insert_id, warnings, 0, status]
        elif "told" in shape:
            self.facts, self._part = list(shape["told"]), part
        else:
            raise ReplayError(
                "mysqlclient: this was recorded by another driver, and that one is needed to replay it;"
                " record again"
            )

    def store_result(self) -> ReplayedResult | None:
        """The result of the statement; ``None`` for one without rows."""
        self._must_be_open()
        part, self._part = self._part, None
        return None if part is None else ReplayedResult(part, self, self._line)

    use_result = store_result

    def next_result(self) -> int:
        """Go on to the next result; -1 where there is none."""
        self._must_be_open()
        if self._waiting:
            self._advance()
            return 0
        if self.more_results() and self._line.given is not None:
            raise self._line.beyond() or failure(_LOST, _NOT_RECEIVED)
        return -1

    def discard_result(self) -> None:
        """Leave out a result."""
        part = self._part
        if part is not None:
            self.ended(part)
        self._part = None

    def more_results(self) -> bool:
        """True where there is another result."""
        return bool(self.facts[-1] & packets.MORE_RESULTS)

    def ended(self, part: Part) -> None:
        """A result was read."""
        self.facts = list(part[2].get("end") or self.facts)

    def lose(self) -> None:
        """The connection ended."""
        self._waiting, self._part, self._lost = [], None, True

    # -- what is known

    def affected_rows(self) -> int:
        """How many rows were changed, or are in the result."""
        self._must_be_open()
        return int(self.facts[0])

    def insert_id(self) -> int:
        """The number that a row got."""
        self._must_be_open()
        return int(self.facts[1])

    def warning_count(self) -> int:
        """How many warnings there are."""
        self._must_be_open()
        return int(self.facts[2])

    def field_count(self) -> int:
        """How many columns there are."""
        self._must_be_open()
        return int(self.facts[3])

    def info(self) -> str | None:
        """What the server says of the statement."""
        self._must_be_open()
        return self._said or None

    # -- the connection

    def _must_be_open(self) -> None:
        if not self.open:
            raise failure(_GONE)

    def close(self) -> None:
        """Close it."""
        self._must_be_open()
        self.open, self._waiting, self._part = False, [], None

    def ping(self, *args: Any) -> None:
        """It is there until it is closed, or ended."""
        self._must_be_open()
        if self._lost:
            raise failure(_GONE, _gone())

    def commit(self) -> None:
        """Commit."""
        self._must_be_open()
        self._receive(b"COMMIT")

    def rollback(self) -> None:
        """Roll back."""
        self._must_be_open()
        self._receive(b"ROLLBACK")

    def autocommit(self, on: Any) -> None:
        """Commit by itself, or not."""
        self._must_be_open()
        status = self.facts[-1]
        self.facts[-1] = status | AUTOCOMMIT if on else status & ~AUTOCOMMIT

    def get_autocommit(self) -> bool:
        """Whether it does."""
        self._must_be_open()
        return bool(self.facts[-1] & AUTOCOMMIT)

    def select_db(self, name: Any) -> None:
        """Choose another database."""
        self._must_be_open()
        self._receive()

    def change_user(self, *args: Any, **kwargs: Any) -> None:
        """Be somebody else."""
        self._must_be_open()
        self._receive()
        self.facts[-1] &= ~IN_TRANSACTION

    def set_server_option(self, option: int) -> int:
        """Set an option: several statements at once, or not."""
        self._must_be_open()
        return 0

    def kill(self, number: int) -> None:
        """End another connection."""
        self._must_be_open()
        self._receive()

    def set_character_set(self, name: str) -> None:
        """Speak another character set."""
        self._must_be_open()
        self._charset = name

    def character_set_name(self) -> str:
        """The character set."""
        self._must_be_open()
        return self._charset

    def get_server_info(self) -> str:
        """The server's version."""
        self._must_be_open()
        return str(self._line.learned.get("version") or "8.0.0")

    def get_host_info(self) -> str:
        """How it is connected."""
        self._must_be_open()
        return str(self._line.learned.get("host") or "127.0.0.1 via TCP/IP")

    def get_proto_info(self) -> int:
        """The protocol's version."""
        return _PROTOCOL

    def thread_id(self) -> int:
        """The connection's number."""
        self._must_be_open()
        return 1

    def errno(self) -> int:
        """No error that was not raised."""
        return 0

    def error(self) -> str:
        """As above."""
        return ""

    def sqlstate(self) -> str:
        """As above."""
        return "00000"

    def escape_string(self, value: Any) -> bytes:
        """A string within quotes."""
        escaped: bytes = sys.modules["MySQLdb._mysql"].escape_string(value)
        return escaped

    def string_literal(self, value: Any) -> bytes:
        """A string with its quotes."""
        literal: bytes = sys.modules["MySQLdb._mysql"].string_literal(value)
        return literal

    def escape(self, value: Any, encoders: Any = None) -> Any:
        """A value as it stands in a statement."""
        library = sys.modules["MySQLdb._mysql"]
        return library.escape(value, encoders if encoders is not None else {})

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refused(f"{name}() of a connection", "mysqlclient")


class ReplayedResult:
    """One result with rows.

    Args:
        part: as it was recorded.
        client: whose result it is.
        line: the connection.
    """

    has_next = False

    def __init__(self, part: Part, client: ReplayedClient, line: Line) -> None:
        columns, self._rows, self._shape = part
        self._part = part
        self._columns = columns
        self._client = client
        self._line = line
        self._at = 0
        self._discarded = False

    def describe(self) -> tuple[Any, ...]:
        """The columns."""
        return tuple(tuple(column[:7]) for column in self._columns)

    def field_flags(self) -> tuple[int, ...]:
        """Their flags."""
        return tuple(column[7] for column in self._columns)

    def num_fields(self) -> int:
        """How many there are."""
        return len(self._columns)

    def num_rows(self) -> int:
        """How many rows there are, where they are all there."""
        return int(self._client.facts[0])

    def data_seek(self, row: int) -> None:
        """Go to a row."""
        self._at = row

    def discard(self) -> None:
        """Read no more of it."""
        self._discarded = True
        self._client.ended(self._part)

    def fetch_row(self, maxrows: int = 1, how: int = 0) -> Any:
        """The next rows; all of them where ``maxrows`` is 0.

        Raises:
            BaseException: what reading them raised.
            ReplayError: there are none that the recording knows, or none of that kind.
        """
        wanted = len(self._rows) - self._at if maxrows == 0 else maxrows
        found = self._rows[self._at : self._at + wanted]
        self._at += len(found)
        if maxrows == 0 or len(found) < maxrows:
            self._end()
        return tuple(self._made(row, how) for row in found)

    def _end(self) -> None:
        if self._discarded:
            return
        raise_recorded(self._shape, self._client)
        if "end" not in self._shape or "dropped" in self._shape or "cut" in self._shape:
            raise self._line.beyond() or failure(_LOST, _NOT_RECEIVED)
        self._client.ended(self._part)

    def _made(self, row: list[Any], how: int) -> Any:
        values = tuple(restore(one) for one in row)
        keys = self._shape.get("keys")
        if how == 0:
            if len(values) == len(self._columns):
                return values
        elif keys is not None and self._shape.get("how") == how:
            return dict(zip(keys, values, strict=True))
        elif how == 1 and len({column[0] for column in self._columns}) == len(values):
            return dict(zip((column[0] for column in self._columns), values, strict=True))
        raise ReplayError(
            "mysqlclient: rows are read as another kind here than when this was recorded; record again"
        )


def raise_recorded(shape: dict[str, Any], client: ReplayedClient) -> None:
    """Raise what the library raised there, if it did.

    Raises:
        BaseException: that.
        ReplayError: it is of a class that is not known.
    """
    raised = shape.get("raised")
    if isinstance(raised, list):
        name, args = raised
        restored = restore(args)
        if restored and restored[0] in _ENDED:
            client.lose()
        known = failures.classes_below(sys.modules["MySQLdb._exceptions"].MySQLError)
        raise exceptions.rebuild(Failure(name, list(restored)), known)


def failure(number: int, text: str = "") -> Exception:
    """The driver's own exception, of a connection that is not there."""
    kind: type[Exception] = sys.modules["MySQLdb._exceptions"].OperationalError
    return kind(number, text)


def _gone() -> str:
    """What the library says of it: that of MariaDB is of version 3."""
    of_mariadb = str(sys.modules["MySQLdb._mysql"].get_client_info()).startswith("3.")
    return "Server has gone away" if of_mariadb else "MySQL server has gone away"
