"""What a call of a cursor asks, as a message; drivers name their arguments in ways of their own."""

from __future__ import annotations

from typing import Any

import msgspec

from timetracer_otel.integrations.base import Invocation
from timetracer_otel.integrations.dbapi.values import plain
from timetracer_otel.integrations.sqlalchemy.checkout import NEXT, PROCEDURE, Checkout
from timetracer_otel.messages import SqlStatement

_PARAMETERS = (
    "parameters",
    "params",
    "vars",
    "args",
    "seq_of_parameters",
    "seq_of_params",
    "params_seq",
    "vars_list",
)
_STATEMENT = ("operation", "query", "sql", "statement")


def asked(call: Invocation, checkout: Checkout) -> SqlStatement:
    """The statement of a cursor's call, or what is done with the one before."""
    args, kwargs, method = call.args, call.kwargs, call.wrapped.__name__
    if method in ("nextset", "_go_live_next"):
        before: SqlStatement = call.instance.timetracer_asked
        return msgspec.structs.replace(before, step=NEXT)
    if method in ("callproc", "_go_live_procedure"):
        name, *given = (*args, *kwargs.values())
        message = checkout.statement(str(name), plain(list(given[0])) if given else None)
        message.step = PROCEDURE
        return message
    statement = args[0] if args else next((kwargs[name] for name in _STATEMENT if name in kwargs), "")
    parameters = args[1] if len(args) > 1 else next((kwargs[n] for n in _PARAMETERS if n in kwargs), None)
    return checkout.statement(_text(statement), plain(parameters), executemany=method.endswith("many"))


def _text(statement: Any) -> str:
    if isinstance(statement, str):
        return str(statement)
    if isinstance(statement, bytes):
        return statement.decode("utf-8", "replace")
    if type(statement).__module__.startswith("psycopg."):
        return str(statement.as_string(None))
    return repr(statement)  # psycopg2 composes statements with the help of a live connection
