"""Calls that go out and are recorded, without the flow that a replay needs.

What :meth:`.Integration.exchange` does with a call while recording, for calls whose request can be read at
once: most. Written for both colours, because a flow, which is a generator that another function drives, costs
as much as what is done in it. ``tests/unit/test_direct.py`` holds the two to the same outcomes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timetracer_otel import ports

if TYPE_CHECKING:
    from timetracer_otel.integrations.base import Integration, Invocation


def record(integration: Integration, port: ports.Port, call: Invocation) -> Any:
    """Make the call, and have it recorded.

    Args:
        integration: whose call it is; its :meth:`~.Integration.request` gives a message here, and no flow.
        port: one that records.
        call: the call; nothing but what it returns or raises reaches the app.
    """
    exchange = _begun(integration, port, call)
    if exchange is None:
        return call.wrapped(*call.args, **call.kwargs)
    try:
        result = call.wrapped(*call.args, **call.kwargs)
    except BaseException as error:
        _failed(integration, exchange, call, error)
        raise
    return _answered(integration, exchange, call, result)


async def record_async(integration: Integration, port: ports.Port, call: Invocation) -> Any:
    """Make the call, which is awaited, and have it recorded; see :func:`record`."""
    exchange = _begun(integration, port, call)
    if exchange is None:
        return await call.wrapped(*call.args, **call.kwargs)
    try:
        result = await call.wrapped(*call.args, **call.kwargs)
    except BaseException as error:
        _failed(integration, exchange, call, error)
        raise
    return _answered(integration, exchange, call, result)


def _begun(integration: Integration, port: ports.Port, call: Invocation) -> ports.Exchange | None:
    try:
        request: Any = integration.request(call)
        span = integration.span(call)
    except Exception as error:  # noqa: BLE001  # nothing of ours raises into the app
        ports.report(f"{integration.name}: reading a request", error)
        return None
    try:
        exchange = port.begin(integration, request, span)
        exchange.__enter__()
        return exchange
    except Exception as error:  # noqa: BLE001  # as above
        ports.report("recording a call", error)
        return None


def _failed(
    integration: Integration, exchange: ports.Exchange, call: Invocation, error: BaseException
) -> None:
    try:
        exchange.__exit__(type(error), error, error.__traceback__)
        integration._report_failure(error, call, exchange)
    except Exception as problem:  # noqa: BLE001  # as above
        ports.report("recording a call", problem)


def _answered(integration: Integration, exchange: ports.Exchange, call: Invocation, result: Any) -> Any:
    try:
        exchange.__exit__(None, None, None)
        return integration.observe(result, call, exchange)
    except Exception as problem:  # noqa: BLE001  # as above
        ports.report("recording a call", problem)
        return result
