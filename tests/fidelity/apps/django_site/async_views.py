"""The asynchronous views; over WSGI, Django runs each in an event loop of its own."""

from __future__ import annotations

import asyncio

import httpx
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views import View

from tests.fidelity.apps import inbound
from tests.fidelity.apps.httpx_told import url


async def ask_side_by_side(request: HttpRequest, name: str) -> HttpResponse:
    """Three calls at once, one more from a thread, each with an answer of its own."""
    async with httpx.AsyncClient() as client:
        answers = await asyncio.gather(*(client.get(url(f"/json/{name}-{part}")) for part in "abc"))
    last = await sync_to_async(httpx.get)(url(f"/counter/{name}"))
    return JsonResponse({"places": [one.json()["place"] for one in answers], "turn": last.json()["turn"]})


async def answer_stream_with_calls(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(inbound.async_lines_of_upstream(), content_type="text/plain")


async def exception(request: HttpRequest) -> HttpResponse:
    async with httpx.AsyncClient() as client:
        raise LookupError((await client.get(url("/json/before-the-exception"))).json()["place"])


class ClassBased(View):
    """A class whose methods are coroutines."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        async with httpx.AsyncClient() as client:
            return JsonResponse((await client.get(url("/json/async-class"))).json())
