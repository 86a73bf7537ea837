"""A middleware of the site's own that asks an upstream, written as a function for both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from asgiref.sync import iscoroutinefunction
from django.utils.decorators import sync_and_async_middleware

from tests.fidelity.apps.httpx_told import url

_ASKED = "/in/asked-by-middleware"


@sync_and_async_middleware
def asking(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Put the upstream's answer into a header of one page."""
    if iscoroutinefunction(get_response):

        async def async_middleware(request: Any) -> Any:
            response = await get_response(request)
            if request.path == _ASKED:
                async with httpx.AsyncClient() as client:
                    told = (await client.get(url("/json/middleware"))).json()
                response["X-Place"] = told["place"]
            return response

        return async_middleware

    def middleware(request: Any) -> Any:
        response = get_response(request)
        if request.path == _ASKED:
            response["X-Place"] = httpx.get(url("/json/middleware")).json()["place"]
        return response

    return middleware
