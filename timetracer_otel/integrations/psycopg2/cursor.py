"""Cursors of psycopg2 that see what passes, and hold recorded results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg2
from psycopg2 import extensions

from timetracer_otel import ports
from timetracer_otel.integrations.dbapi.core import once, refused, replaying, told
from timetracer_otel.integrations.dbapi.links import Link
from timetracer_otel.integrations.dbapi.pending import Sent
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.psycopg2 import copying, made
from timetracer_otel.integrations.psycopg2.described import OWN, Described
from timetracer_otel.integrations.psycopg2.quoting import quotable
from timetracer_otel.messages import SqlResult, SqlStatement

_ROW_FACTORY: Any = vars(extensions.cursor)["row_factory"]


class Cursor(Described):
    """A cursor whose statements and rows are recorded, or answered from a recording."""

    def __init__(self, connection: Any, name: str | None = None, *args: Any, **kwargs: Any) -> None:
        link: Link | None = getattr(connection, "timetracer_link", None)
        if link is not None and link.replayed:
            self._timetracer_name = name
            super().__init__(connection)
        elif name is None:
            super().__init__(connection, *args, **kwargs)
        else:
            super().__init__(connection, name, *args, **kwargs)

    timetracer_noted: made.Noted | None = None
    """What casters of the app's make while the rows of the last statement are read."""

    # -- what the core asks

    def timetracer_link(self) -> Link | None:
        """The connection."""
        return getattr(self.connection, "timetracer_link", None)

    def timetracer_state(self) -> Any:
        """Status of the connection, and what it was told meanwhile."""
        told = self.connection.timetracer_told(self._timetracer_heard)
        return [self.connection.timetracer_state(), told]

    def timetracer_hold_state(self, state: Any) -> None:
        """Hold a recorded state."""
        match state:
            case [state, told]:
                self.connection.timetracer_hold_state(state)
                self.connection.timetracer_tell(told)

    def timetracer_rowcount(self) -> int:
        """psycopg2's own row count."""
        count: int = OWN["rowcount"].__get__(self)
        return count

    def timetracer_own_description(self) -> Any:
        """psycopg2's own description."""
        return OWN["description"].__get__(self)

    def timetracer_late(self) -> bool:
        """A server-side cursor knows its columns once rows were fetched."""
        return self.name is not None

    _timetracer_heard = (0, 0)

    def _timetracer_usable(self) -> bool:
        return not (self.closed or self.connection.closed)

    def _timetracer_prepare(self) -> bool:
        """Know how the connection is before a statement; ``False``: psycopg2 itself refuses it.

        Where something of ours fails, the statement is the app's and psycopg2's alone.
        """
        try:
            return self._timetracer_check()
        except Exception as error:
            if self._timetracer_strict():
                raise
            ports.report("psycopg2: what a connection knows before a statement", error)
        self.timetracer_finish(complete=False)
        return False

    def _timetracer_check(self) -> bool:
        connection = self.connection
        if self._timetracer_usable():
            self.timetracer_noted = made.watched(connection)
            self._timetracer_heard = connection.timetracer_heard()
            return True
        link = self.timetracer_link()
        if link is not None and link.replayed:
            what = "connection" if connection.closed else "cursor"
            raise psycopg2.InterfaceError(f"{what} already closed")
        return False

    def _timetracer_strict(self) -> bool:
        """True where nothing but a recording may answer."""
        link = self.timetracer_link()
        return link is not None and (link.replayed or replaying())

    def _timetracer_statement(
        self,
        method: str,
        live: Callable[..., Any],
        text: Any,
        parameters: Any,
        args: tuple[Any, ...],
        **more: Any,
    ) -> Any:
        if not self._timetracer_prepare():
            return live(*args)
        many = method == "executemany"

        def message(link: Link) -> SqlStatement:
            return link.statement(self._timetracer_text(text), plain(parameters), executemany=many)

        self._timetracer_asked = None if many else (text, parameters)
        return self.timetracer_ask(method, live, args, {}, message, **more)

    def _timetracer_text(self, text: Any) -> str:
        if isinstance(text, str):
            return text
        if isinstance(text, bytes):
            encoding = extensions.encodings.get(self.connection.encoding or "UTF8", "utf-8")
            return text.decode(encoding, "replace")
        if hasattr(text, "as_string"):
            return str(text.as_string(self))
        raise TypeError("argument 1 must be a string or unicode object")

    def timetracer_copy(
        self,
        text: str,
        parameters: Any,
        live: Callable[..., Any],
        see: Callable[[SqlStatement], SqlStatement] | None = None,
        finish: Callable[[SqlResult], None] | None = None,
        act: Callable[[Any], Any] | None = None,
    ) -> None:
        """Run a COPY statement."""

        def message(link: Link) -> SqlStatement:
            statement = link.statement(text, plain(parameters))
            return statement if see is None else see(statement)

        if not self._timetracer_prepare():
            live(text, parameters)
            return
        self._timetracer_asked = (text, None)
        self.timetracer_ask(
            "copy", live, (text, parameters), {}, message, lambda: None, finish=finish, act=act
        )

    # -- statements

    def execute(self, query: Any, vars: Any = None) -> Any:  # noqa: A002  # psycopg2's name
        """Run one statement."""
        return self._timetracer_statement("execute", super().execute, query, vars, (query, vars))

    def executemany(self, query: Any, vars_list: Any) -> Any:
        """Run one statement for each set of parameters."""
        query, vars_list = once((query, vars_list))
        return self._timetracer_statement(
            "executemany", super().executemany, query, vars_list, (query, vars_list)
        )

    def callproc(self, procname: Any, parameters: Any = None) -> Any:
        """Call a function."""
        args = (procname,) if parameters is None else (procname, parameters)
        text = f"CALL {procname}"
        return self._timetracer_statement(
            "callproc", super().callproc, text, parameters, args, returned=lambda: parameters
        )

    def _timetracer_copied(
        self, read: Callable[[], copying.Asked], file: Any, copy: Callable[[Any, Any], Any]
    ) -> None:
        asked = told("psycopg2: reading a COPY", read, None)
        own = super()
        if asked is None:  # what is none is psycopg2's to refuse
            copy(own, file)
        else:
            (copying.send if asked.sends else copying.receive)(self, asked, file, copy, own)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        """Run a COPY statement."""
        self._timetracer_copied(
            lambda: copying.stated(self._timetracer_text(sql)),
            file,
            lambda cursor, file: cursor.copy_expert(sql, file, size),
        )

    def copy_from(
        self, file: Any, table: str, sep: str = "\t", null: str = "\\N", size: int = 8192, columns: Any = None
    ) -> None:
        """Copy a table from a file."""
        self._timetracer_copied(
            lambda: copying.Asked(
                f"COPY {copying.place(table, columns)} FROM stdin", [sep, null], sends=True
            ),
            file,
            lambda cursor, file: cursor.copy_from(file, table, sep, null, size, columns),
        )

    def copy_to(self, file: Any, table: str, sep: str = "\t", null: str = "\\N", columns: Any = None) -> None:
        """Copy a table to a file."""
        self._timetracer_copied(
            lambda: copying.Asked(
                f"COPY {copying.place(table, columns)} TO stdout", [sep, null], sends=False
            ),
            file,
            lambda cursor, file: cursor.copy_to(file, table, sep, null, columns),
        )

    def mogrify(self, query: Any, vars: Any = None) -> bytes:  # noqa: A002  # as above
        """The statement with its parameters in it."""
        link = self.timetracer_link()
        if link is not None and link.replayed:
            query, vars = self._timetracer_text(query), quotable(vars)  # noqa: A001
        done: bytes = super().mogrify(query, vars)
        return done

    # -- rows

    def _timetracer_rows(self, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Rows as the app's row factory makes them: psycopg2 fills them item by item."""
        factory = _ROW_FACTORY.__get__(self)
        if factory is None:
            return list(rows)
        made = []
        for values in rows:
            row = factory(self)
            for index, value in enumerate(values):
                row[index] = value
            made.append(row)
        return made

    def _timetracer_tuples(self, fetch: Callable[..., Any], *args: Any) -> Any:
        """Fetch with no row factory."""
        factory = _ROW_FACTORY.__get__(self)
        if factory is None:
            return self.timetracer_fetch(fetch, *args)
        _ROW_FACTORY.__set__(self, None)
        try:
            return self.timetracer_fetch(fetch, *args)
        finally:
            _ROW_FACTORY.__set__(self, factory)

    def _timetracer_held_rows(self) -> bool:
        held = self.timetracer_held
        return held is not None and held.has_rows and self._timetracer_usable()

    def fetchone(self) -> Any:
        """The next row."""
        if self._timetracer_held_rows():
            rows = self.timetracer_held.take(1)  # type: ignore[union-attr]  # just seen
        elif self.timetracer_pending is None:
            return super().fetchone()
        else:
            row = self._timetracer_tuples(super().fetchone)
            rows = [] if row is None else [row]
            self.timetracer_keep(rows, last=row is None)
        found = self._timetracer_rows(rows)
        return found[0] if found else None

    def fetchmany(self, size: Any = None) -> list[Any]:
        """The next rows."""
        wanted = self.arraysize if size is None else size
        if self._timetracer_held_rows():
            rows = self.timetracer_held.take(wanted)  # type: ignore[union-attr]  # as above
        elif self.timetracer_pending is None:
            return list(super().fetchmany(wanted))
        else:
            rows = self._timetracer_tuples(super().fetchmany, wanted)
            self.timetracer_keep(rows, last=not rows or len(rows) < wanted)
        return self._timetracer_rows(rows)

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        if self._timetracer_held_rows():
            rows = self.timetracer_held.take(None)  # type: ignore[union-attr]  # as above
        elif self.timetracer_pending is None:
            return list(super().fetchall())
        else:
            rows = self._timetracer_tuples(super().fetchall)
            self.timetracer_keep(rows, last=True)
        return self._timetracer_rows(rows)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._timetracer_held_rows():
            rows = self.timetracer_held.take(1)  # type: ignore[union-attr]  # as above
            if not rows:
                raise StopIteration
        elif self.timetracer_pending is None:
            return super().__next__()
        else:
            rows = [self._timetracer_tuples(super().__next__)]
            self.timetracer_keep(rows, last=False)
        return self._timetracer_rows(rows)[0]

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Move in the result. All rows of it are kept, when the app moves for the first time."""
        if self._timetracer_held_rows():
            held = self.timetracer_held
            assert held is not None
            if self.name is not None:
                raise refused("scrolling a server-side cursor", "psycopg2")
            if mode not in ("relative", "absolute"):
                raise psycopg2.ProgrammingError("scroll mode must be 'relative' or 'absolute'")
            place = held.next + value if mode == "relative" else value
            if not 0 <= place < len(held.rows):
                raise psycopg2.ProgrammingError("scroll destination out of bounds")
            held.next = place
            return
        self._timetracer_keep_all()
        super().scroll(value, mode)

    def _timetracer_keep_all(self) -> None:
        """The app moves in the result for the first time: it may come to any row."""
        try:
            pending = self.timetracer_pending
            if pending is None:
                return
            if self.name is not None:
                pending.exchange.gap("scrolling", "a server-side cursor was scrolled; its rows are not kept")
                self.timetracer_finish(complete=False)
            elif OWN["rowcount"].__get__(self) > 0:
                rows = self._timetracer_all()
                pending.rows, pending.bytes = [], 0
                self.timetracer_keep(rows, last=True)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("psycopg2: keeping the rows that an app moves in", error)
            self.timetracer_finish(complete=False)

    def _timetracer_all(self) -> list[Any]:
        """All rows, the cursor left where it was."""
        place, last = OWN["rownumber"].__get__(self), OWN["rowcount"].__get__(self) - 1
        factory = _ROW_FACTORY.__get__(self)
        super().scroll(0, "absolute")
        _ROW_FACTORY.__set__(self, None)
        try:
            return list(super().fetchall())
        finally:
            super().scroll(min(place, last), "absolute")
            if place > last:  # beyond the last row: one cannot scroll there, only fetch
                super().fetchone()
            _ROW_FACTORY.__set__(self, factory)

    def cast(self, oid: int, value: Any) -> Any:
        """Read a value of a type."""
        link = self.timetracer_link()
        if link is not None and link.replayed:
            return made.cast(self, oid, value)
        return super().cast(oid, value)

    def timetracer_sent(self, rows: Any) -> Sent | None:
        """What the server sent for what casters of the app's made of it."""
        return None if self.timetracer_noted is None else self.timetracer_noted.sent(self, rows)

    def timetracer_reader(self) -> Callable[[Any], Any]:
        """Makes the same of it again."""
        return made.reader(self)

    def close(self) -> None:
        """Close the cursor."""
        self.timetracer_finish(complete=False)
        super().close()

    def __del__(self) -> None:
        try:  # not in any call of the app's: what is raised here nobody sees
            self.timetracer_finish(complete=False)
        except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
            ports.report("psycopg2: the end of a cursor", error)
