"""The synchronous views."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from django.core.exceptions import PermissionDenied
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.views import View

from tests.fidelity.apps import inbound
from tests.fidelity.apps.checkout import checkout
from tests.fidelity.apps.databases import create_tables, sync_engines
from tests.fidelity.apps.django_site.apps import clients, started
from tests.fidelity.apps.httpx_told import url

afterwards = inbound.Afterwards()
engines = sync_engines()


def read_started(request: HttpRequest) -> HttpResponse:
    return JsonResponse(started)


def read_json(request: HttpRequest) -> HttpResponse:
    order = json.loads(request.body)
    return JsonResponse({"got": order, "total": order["count"] * 2})


def read_form(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"name": request.POST["name"], "tags": request.POST.getlist("tags")})


def read_upload(request: HttpRequest) -> HttpResponse:
    file: Any = request.FILES["file"]
    digest = hashlib.sha256(file.read()).hexdigest()
    told = {"name": file.name, "type": file.content_type, "sha256": digest, "note": request.POST["note"]}
    return JsonResponse(told)


def read_raw(request: HttpRequest) -> HttpResponse:
    body = request.body
    return JsonResponse({"length": len(body), "sha256": hashlib.sha256(body).hexdigest()})


def leave_unread(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"read": False})


def read_in_parts(request: HttpRequest) -> HttpResponse:
    digest = hashlib.sha256(request.read(10))
    line = request.readline()
    digest.update(line)
    for more in request:
        digest.update(more)
    return JsonResponse({"sha256": digest.hexdigest(), "some": line == b"ne line\n"})


def webhook(request: HttpRequest) -> HttpResponse:
    body = request.body
    if not hmac.compare_digest(inbound.signature(body), request.headers.get("X-Signature", "")):
        return HttpResponse("wrong signature", status=401)
    return JsonResponse({"accepted": json.loads(body)["event"]})


def answer_binary(request: HttpRequest) -> HttpResponse:
    return HttpResponse(inbound.BINARY, content_type="application/octet-stream")


def answer_large(request: HttpRequest) -> HttpResponse:
    return HttpResponse(inbound.LARGE, content_type="text/plain")


def answer_empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def answer_stream(request: HttpRequest) -> HttpResponseBase:
    def parts() -> Iterator[bytes]:
        for number in range(5):
            yield f"part {number} ü\n".encode()

    return StreamingHttpResponse(parts(), content_type="text/plain")


def answer_events(request: HttpRequest) -> HttpResponseBase:
    def events() -> Iterator[str]:
        for number in range(3):
            yield f"event: tick\ndata: {number}\n\n"

    return StreamingHttpResponse(events(), content_type="text/event-stream")


def answer_stream_with_calls(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(inbound.lines_of_upstream(), content_type="text/plain")


def background(request: HttpRequest) -> HttpResponse:
    def work() -> None:
        told = httpx.get(url("/json/background")).json()
        afterwards.put("thread", [told, clients["resp3-text"].incr("background")])

    threading.Thread(target=work).start()
    return JsonResponse({"accepted": True})


def background_result(request: HttpRequest) -> HttpResponse:
    return JsonResponse(afterwards.wait("thread"), safe=False)


def exception(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("nobody catches this")


def exception_after_call(request: HttpRequest) -> HttpResponse:
    raise LookupError(httpx.get(url("/json/before-the-exception")).json()["place"])


def missing(request: HttpRequest, key: int) -> HttpResponse:
    raise Http404(f"no {key}")


def redirect(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=307, headers={"Location": "/in/json?from=redirect"})


def cookies(request: HttpRequest) -> HttpResponse:
    response = JsonResponse(request.COOKIES)
    response.set_cookie("first", "1", path="/", httponly=True)
    response.set_cookie("second", "zwei drei")
    response.set_cookie("third", "", samesite="Strict", secure=True)
    return response


def head(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        "a body that HEAD does not send", content_type="text/plain", headers={"X-Here": "yes"}
    )


def query(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"tags": request.GET.getlist("tag"), "raw": request.META["QUERY_STRING"]})


def headers(request: HttpRequest) -> HttpResponse:
    names = ("X-Custom", "Accept-Language", "User-Agent", "Host", "Authorization")
    response = JsonResponse({name: request.headers.get(name) for name in names})
    response["X-Custom"] = "one"
    response["X-Latin"] = "ü"
    return response


def answer_file(request: HttpRequest) -> HttpResponseBase:
    return FileResponse(Path(__file__).parents[1].joinpath("page.html").open("rb"), as_attachment=True)


def counted(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse(httpx.get(url(f"/counter/{name}")).json())


def asked_by_middleware(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"turn": httpx.get(url("/counter/view")).json()["turn"]})


def in_thread(request: HttpRequest) -> HttpResponse:
    with ThreadPoolExecutor(2) as executor:
        turns = list(executor.map(lambda place: httpx.get(url(f"/json/{place}")).json()["place"], "abc"))
    return JsonResponse({"places": turns})


class ClassBased(View):
    """A class with a method for each HTTP method."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if request.GET.get("may") != "yes":
            raise PermissionDenied
        return JsonResponse(httpx.get(url("/json/class")).json())


def pay(request: HttpRequest, driver: str) -> HttpResponse:
    with engines[driver].begin() as connection:
        create_tables(connection)
    titles = json.loads(request.body)
    return JsonResponse(checkout(engines[driver], clients["resp3-text"], request.headers["X-Buyer"], titles))
