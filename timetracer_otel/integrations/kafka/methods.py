"""Methods of confluent-kafka's classes beside records: asked, refused in a replay, or idle there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from timetracer_otel import ports
from timetracer_otel.errors import ReplayError
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.entries import safely
from timetracer_otel.integrations.flows import run
from timetracer_otel.integrations.kafka.converting import argument_data
from timetracer_otel.integrations.kafka.polled import Asked, Questions, answers
from timetracer_otel.messages import FunctionCall

_BROKERS: Final = ("bootstrap.servers", "metadata.broker.list", "test.mock.num.brokers")


def ask(
    kind: Any, name: str, questions: Questions, read: Callable[[Any], Any], make: Callable[[Any], Any]
) -> None:
    """Make a method a call of a function."""
    beneath = getattr(kind, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = None
        if ports.current() is not None and wrapping.installed(questions.name):
            call = safely(question, self, args, kwargs)
            if call is None and answers(questions):
                raise ReplayError(f"confluent_kafka: this {name} cannot be read, so it is not answered")
        if call is None:
            return beneath(self, *args, **kwargs)
        return run(questions.exchange(call), None if answers(questions) else call)

    def question(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Asked:
        asked = FunctionCall(f"{kind.__name__}.{name}", [argument_data(one) for one in args])
        asked.keywords = {key: argument_data(value) for key, value in kwargs.items()}
        ask_beneath = functools.partial(beneath, client)
        return Asked(ask_beneath, client, args, kwargs, asked=asked, read=read, make=make)

    method.__name__, method.__doc__ = name, beneath.__doc__
    setattr(kind, name, method)


def refuse(kind: Any, names: tuple[str, ...], caller: ports.Caller) -> None:
    """Methods whose answers are not recorded: a replay says so instead of asking nobody."""
    for name in names:
        beneath = getattr(kind, name, None)
        if beneath is None:
            continue

        def method(self: Any, *args: Any, _name: str = name, _beneath: Any = beneath, **kwargs: Any) -> Any:
            if answers(caller):
                raise ReplayError(
                    f"confluent_kafka: {kind.__name__}.{_name} cannot be answered from a cassette: it is not"
                    " recorded; let Kafka go live with TIMETRACER_LIVE_PLUGINS=confluent_kafka"
                )
            return _beneath(self, *args, **kwargs)

        method.__name__, method.__doc__ = name, beneath.__doc__
        setattr(kind, name, method)


def do_nothing(kind: Any, name: str, caller: ports.Caller) -> None:
    """Methods that steer what a broker gives: a replay gives what was recorded."""
    beneath = getattr(kind, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return None if answers(caller) else beneath(self, *args, **kwargs)

    method.__name__, method.__doc__ = name, beneath.__doc__
    setattr(kind, name, method)


def configuration(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The settings that a client is made with."""
    given = args[0] if args and isinstance(args[0], dict) else kwargs.get("conf")
    return given if isinstance(given, dict) else kwargs


def without_brokers(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same configuration, checked as ever, of a client that knows nobody to connect to."""

    def clean(conf: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in conf.items() if name not in _BROKERS} | {"log_level": 0}

    if args and isinstance(args[0], dict):
        return (clean(args[0]), *args[1:]), kwargs
    if isinstance(kwargs.get("conf"), dict):
        return args, {**kwargs, "conf": clean(kwargs["conf"])}
    return args, clean(kwargs)
