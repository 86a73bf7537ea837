"""What timetracer-otel needs to know of parcels: where it is called, and how its calls read as messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from timetracer_otel.integrations.base import Integration, Invocation, Point
from timetracer_otel.integrations.exceptions import by_name
from timetracer_otel.messages import Answer, FunctionCall, FunctionResult


class ParcelsIntegration(Integration):
    """Both clients; their methods have the same names and arguments."""

    name = "parcels"
    family = "function"

    def points(self) -> Sequence[Point]:
        return (
            Point("parcels", "Client.track"),
            Point("parcels", "Client.redirect"),
            Point("parcels", "AsyncClient.track", asynchronous=True),
            Point("parcels", "AsyncClient.redirect", asynchronous=True),
        )

    def request(self, call: Invocation) -> FunctionCall:
        method = call.wrapped.__name__
        return FunctionCall(f"parcels.{method}", list(call.args), dict(call.kwargs), reads=method == "track")

    def answer(self, result: Any, call: Invocation) -> FunctionResult:
        return FunctionResult(asdict(result))

    def rebuild(self, answer: Answer, call: Invocation) -> Any:
        import parcels  # only here: the integration must not import what it waits for

        assert isinstance(answer, FunctionResult)
        return parcels.Parcel(**answer.value)

    def exception_classes(self) -> Mapping[str, type[BaseException]]:
        import parcels

        return by_name(parcels.ParcelError)
