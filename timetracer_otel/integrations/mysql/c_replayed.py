"""What answers for mysql.connector's C library in a replay: what it told when it was recorded."""

from __future__ import annotations

from typing import Any, NoReturn

from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations.dbapi.core import refused
from timetracer_otel.integrations.mysql import c_values, packets, told
from timetracer_otel.integrations.mysql.c_rows import (
    GONE,
    LOST,
    HasRows,
    Rows,
    failure,
    is_prepared,
    is_refused,
    raise_recorded,
)
from timetracer_otel.integrations.mysql.c_statement import ReplayedStatement
from timetracer_otel.integrations.mysql.lines import Line
from timetracer_otel.integrations.mysql.replies import Part
from timetracer_otel.integrations.mysql.server import AUTOCOMMIT, IN_TRANSACTION, status_after

_NO_BACKSLASH_ESCAPES = 0x0200
_ENDED = frozenset({1053, 1927, GONE, LOST, 2055, 4031})
"""Errors after which there is no connection any more."""
_PROTOCOL = 10


class ReplayedMySql(HasRows):
    """Stands where the object of a connection in the C library would be.

    Args:
        line: its connection.
        charset: its character set, by MySQL's name.
        raw: rows are given as the server sent them, if nothing else is asked for.
        buffered: rows are all read at once, if nothing else is asked for.
        use_unicode: strings are given as text.
        status: of the connection, see the protocol.
    """

    def __init__(
        self, line: Line, *, charset: str, raw: bool, buffered: bool, use_unicode: bool, status: int
    ) -> None:
        self.converter_str_fallback = False
        self.set_up = False
        """From now on only what was recorded is answered."""
        self._line = line
        self._charset = charset
        self._default_raw = self._raw = raw
        self._default_buffered = self._buffered = buffered
        self._unicode = use_unicode
        self.facts: told.Facts = [0, 0, 0, 0, status]
        """What is known of the connection now."""
        self.held: Rows | None = None
        """The result of a prepared statement."""
        self._waiting: list[Part] = []
        self._connected = True
        self._lost = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refused(f"what the C library is asked by {name!r}", "mysqlconnector")

    @property
    def pending(self) -> bool:
        """True where something of a reply was not read yet."""
        return bool(self._waiting) or any(rows is not None and rows.left for rows in (self._rows, self.held))

    # -- replies

    def receive(self, text: bytes = b"", *, prepared: bool = False) -> Rows | None:
        """The first result of the reply to a command; ``None`` for one without rows.

        Args:
            text: a statement that no recorded call may belong to.
            prepared: a prepared statement is executed.

        Raises:
            BaseException: what the command raised.
        """
        if not self._connected or self._lost:
            raise failure(GONE if not self._connected else LOST)
        if prepared:
            self._line.leave(is_prepared)  # it was prepared anew then, and is still prepared here
        reply = self._line.next_reply()
        if not (reply and is_refused(reply[0][2])):
            self.free_result()
        if reply is None:
            status = status_after(text, self.facts[-1], set_up=self.set_up) if text else self.facts[-1]
            self.facts = [0, 0, 0, 0, status]
            return None
        if not reply:
            raise self._line.beyond() or failure(LOST)
        self._waiting = list(reply)
        rows = None if is_prepared(reply) else self._following()
        if is_prepared(reply) or (rows is not None and bool(rows.shape.get("binary")) is not prepared):
            raise ReplayError(
                "mysqlconnector: a statement is prepared here that was not when this was recorded, or the"
                " other way round; record again"
            )
        return rows

    def _following(self) -> Rows | None:
        if not self._waiting:
            raise self._line.beyond() or failure(LOST)
        part = self._waiting.pop(0)
        columns, _, shape = part
        if "ok" in shape:
            affected, insert_id, status, warnings, _ = shape["ok"]
            self.facts = [affected, insert_id, warnings, 0, status]
            return None
        if not columns:
            self._note_end(shape)
            raise_recorded(shape)
        if "told" not in shape:
            raise ReplayError(
                "mysqlconnector: this was recorded by a driver in Python, and one is needed to replay it:"
                " connect with use_pure=True, or record again"
            )
        self.facts = list(shape["told"])
        if "parameters" in shape:
            return None
        if bool(shape.get("bytes")) is self._unicode:
            raise ReplayError(
                "mysqlconnector: use_unicode is another one than in the recording; record again"
            )
        return Rows(part, self._line)

    def _note_end(self, shape: dict[str, Any]) -> None:
        error = shape.get("error")
        self._lost = self._lost or (isinstance(error, list) and error[0] in _ENDED)

    def next_row(self, rows: Rows, *, raw: bool) -> tuple[Any, ...] | None:
        """The next row of a result."""
        try:
            found = rows.next(raw=raw)
        except BaseException:
            self._note_end(rows.shape)
            raise
        if found is None:
            self.ended(rows)
        return found

    def ended(self, rows: Rows) -> None:
        """A result was read, or is not read any more."""
        self.facts = list(rows.end or self.facts)

    # -- statements

    def query(
        self, statement: Any, buffered: Any = None, raw: Any = None, raw_as_string: Any = None,
        query_attrs: Any = None,
    ) -> bool:  # fmt: skip
        """Ask for a statement."""
        text = statement.encode() if isinstance(statement, str) else bytes(statement)
        rows = self.receive(text)
        self._buffered = self._default_buffered if buffered is None else buffered
        self._raw = self._default_raw if raw is None else raw
        self._rows = rows
        return True

    def stmt_prepare(self, statement: bytes) -> ReplayedStatement:
        """Prepare a statement."""
        if not self._connected or self._lost:
            raise failure(GONE if not self._connected else LOST)
        given = self._line.given
        if given and not is_prepared(given[0]) and given[0][0][0]:
            return ReplayedStatement(self, c_values.parameters(statement))  # it was still prepared then
        reply = self._line.next_reply()
        if not reply:
            raise (self._line.beyond() if reply is not None else None) or ReplayError(
                "mysql: a statement that was not recorded cannot be prepared"
            )
        self._waiting = list(reply)
        self._following()
        found = reply[0][2].get("parameters")
        return ReplayedStatement(self, found if isinstance(found, int) else c_values.parameters(statement))

    def fetch_row(self) -> tuple[Any, ...] | None:
        """The next row, ``None`` after the last one."""
        return None if self._rows is None else self.next_row(self._rows, raw=self._raw)

    def free_result(self) -> None:
        """Read no more of a result."""
        if self._rows is not None:
            self.ended(self._rows)
            self._rows = None

    consume_result = free_result

    def more_results(self) -> bool:
        """True where there is another result."""
        return bool(self.facts[-1] & packets.MORE_RESULTS)

    def next_result(self) -> bool:
        """Go on to the next result."""
        if not self.more_results():
            return False
        self.free_result()
        self._rows = self._following()
        return True

    def num_rows(self) -> int:
        """How many rows there are, or were read."""
        if self._rows is None:
            raise failure(-1, "Statement did not return result set", None)
        return self._rows.count

    def num_fields(self) -> int | None:
        """How many columns there are."""
        return None if self._rows is None else len(self._rows.fields)

    # -- what is known

    def st_affected_rows(self) -> int:
        """How many rows were changed."""
        return self.facts[0] % (1 << 64)

    def affected_rows(self) -> int:
        """As above; none where that is not known."""
        return max(0, self.facts[0])

    def insert_id(self) -> int:
        """The number that a row got."""
        return self.facts[1]

    st_insert_id = insert_id

    def warning_count(self) -> int:
        """How many warnings there are."""
        return self.facts[2]

    st_warning_count = warning_count

    def field_count(self) -> int:
        """How many columns there are."""
        return self.facts[3]

    st_field_count = field_count

    def st_server_status(self) -> int:
        """The status, see the protocol."""
        return self.facts[4]

    def raw(self, value: bool | None = None) -> bool:
        """Rows are given as the server sent them."""
        if value is not None:
            self._raw = value
        return self._raw

    def buffered(self, value: bool | None = None) -> bool:
        """Rows are all read at once."""
        if value is not None:
            self._buffered = value
        return self._buffered

    def use_unicode(self, value: bool | None = None) -> bool:
        """Strings are given as text."""
        if value is not None:
            self._unicode = value
        return self._unicode

    # -- the connection

    def connected(self) -> bool:
        """True until it is closed."""
        return self._connected

    def ping(self) -> bool:
        """True while there is a connection that nothing is being read from."""
        busy = any(rows is not None and not rows.over for rows in (self._rows, self.held))
        return self._connected and not (self._lost or busy or self.more_results())

    def close(self) -> None:
        """Close it."""
        self.free_result()
        self._waiting = []
        self._connected = False

    def commit(self) -> None:
        """Commit."""
        self.receive(b"COMMIT")

    def rollback(self) -> None:
        """Roll back."""
        self.receive(b"ROLLBACK")

    def autocommit(self, mode: bool) -> None:
        """Commit by itself, or not."""
        self.receive()
        status = self.facts[-1]
        self.facts[-1] = status | AUTOCOMMIT if mode else status & ~AUTOCOMMIT

    def select_db(self, name: Any) -> None:
        """Choose another database."""
        self.receive()

    def refresh(self, options: int) -> None:
        """Flush something."""
        self.receive()

    def shutdown(self, level: int) -> NoReturn:
        """Shut down the server."""
        raise refused("shutting down a server", "mysqlconnector")

    def reset_connection(self) -> bool:
        """Forget what was set."""
        if not self.ping():
            return False
        self.receive()
        self.facts[-1] &= ~IN_TRANSACTION
        return True

    def change_user(self, *args: Any, **kwargs: Any) -> None:
        """Be somebody else."""
        self.receive()
        self.facts[-1] &= ~IN_TRANSACTION

    def set_character_set(self, name: str) -> None:
        """Speak another character set."""
        self.receive()
        self._charset = name

    def character_set_name(self) -> str:
        """The character set."""
        return self._charset

    def set_load_data_local_infile_option(self, path: str) -> None:
        """Files are not sent."""

    def stat(self) -> bytes:
        """Statistics of the server."""
        return b"Uptime: 1"

    def thread_id(self) -> int:
        """The connection's number."""
        if not self._connected:
            raise failure(GONE)
        return 1

    def get_proto_info(self) -> int:
        """The protocol's version."""
        return _PROTOCOL

    def get_server_info(self) -> str:
        """The server's version."""
        return str(self._line.learned.get("version") or "8.0.0")

    def get_server_version(self) -> tuple[int, ...]:
        """As above, in three numbers."""
        numbers = self.get_server_info().partition("-")[0].split(".")
        return tuple(int(number) for number in numbers[:3])

    def st_server_capabilities(self) -> int:
        """What the server can."""
        known = self._line.learned.get("capabilities")
        return known if isinstance(known, int) else 0

    def get_ssl_cipher(self) -> None:
        """Nothing is encrypted."""

    # -- parameters

    @property
    def _backslashes(self) -> bool:
        return not self.facts[-1] & _NO_BACKSLASH_ESCAPES

    def convert_to_mysql(self, *values: Any) -> tuple[bytes, ...]:
        """Parameters as they stand in a statement."""
        return tuple(
            c_values.converted(
                value, self._charset, backslashes=self._backslashes, fallback=self.converter_str_fallback
            )
            for value in values
        )

    def escape_string(self, value: Any) -> bytes:
        """A string within quotes."""
        return c_values.escaped(value, self._charset, backslashes=self._backslashes)
