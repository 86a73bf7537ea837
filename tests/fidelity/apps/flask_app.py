"""The Flask application: the same scenarios, as far as a synchronous framework has them."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from flask import Flask, Response, abort, jsonify, redirect, request, send_file, stream_with_context

from tests.fidelity.apps import inbound
from tests.fidelity.apps.calls import all_cases
from tests.fidelity.apps.case import Case
from tests.fidelity.apps.checkout import checkout
from tests.fidelity.apps.databases import create_tables, sync_engines
from tests.fidelity.apps.drifting import DRIFTS
from tests.fidelity.apps.httpx_told import url
from tests.fidelity.apps.orders import order
from tests.fidelity.apps.psycopg_pool_cases import open_pool
from tests.fidelity.apps.redis_clients import sync_clients

engines = sync_engines()
clients = sync_clients()
afterwards = inbound.Afterwards()
app = Flask(__name__)

for engine in engines.values():
    with engine.begin() as connection:
        create_tables(connection)
open_pool()
started = {"redis": clients["resp3-text"].ping(), "upstream": httpx.get(url("/health")).json()}


def endpoint(case: Case) -> Callable[..., Any]:
    """The view of one case; the path says which of its backends is meant."""
    kinds: dict[str, dict[str, Any]] = {"sql": engines, "redis": clients}
    backends = kinds.get(case.path.split("/")[1], {})

    def answer(backend: str = "") -> Any:
        if not backend:
            return jsonify(case.function())
        return jsonify(case.function(backends.get(backend, backend)))

    return answer


for one in all_cases():
    if not one.is_async:
        place = one.path.replace("{backend}", "<backend>")
        app.add_url_rule(place, place, endpoint(one))


@app.get("/in/started")
def read_started() -> Any:
    return started


@app.post("/in/json")
def read_json() -> Any:
    order = request.get_json()
    return {"got": order, "total": order["count"] * 2}


@app.post("/in/form")
def read_form() -> Any:
    return {"name": request.form["name"], "tags": request.form.getlist("tags")}


@app.post("/in/upload")
def read_upload() -> Any:
    file = request.files["file"]
    digest = hashlib.sha256(file.read()).hexdigest()
    return {"name": file.filename, "type": file.content_type, "sha256": digest, "note": request.form["note"]}


@app.post("/in/raw")
def read_raw() -> Any:
    body = request.get_data()
    return {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@app.post("/in/unread")
def leave_unread() -> Any:
    return {"read": False}


@app.post("/in/read-in-parts")
def read_in_parts() -> Any:
    stream = request.stream
    digest = hashlib.sha256(stream.read(10))
    line = stream.readline()
    digest.update(line)
    for more in stream:
        digest.update(more)
    return {"sha256": digest.hexdigest(), "some": line == b"ne line\n"}


@app.post("/in/webhook")
def webhook() -> Any:
    body = request.get_data()
    if not hmac.compare_digest(inbound.signature(body), request.headers.get("X-Signature", "")):
        abort(401, "wrong signature")
    return {"accepted": request.get_json()["event"]}


@app.get("/in/binary")
def answer_binary() -> Response:
    return Response(inbound.BINARY, mimetype="application/octet-stream")


@app.get("/in/large")
def answer_large() -> Response:
    return Response(inbound.LARGE, mimetype="text/plain")


@app.get("/in/empty")
def answer_empty() -> Response:
    return Response(status=204)


@app.get("/in/stream")
def answer_stream() -> Response:
    def parts() -> Iterator[bytes]:
        for number in range(5):
            yield f"part {number} ü\n".encode()

    return Response(parts(), mimetype="text/plain")


@app.get("/in/events")
def answer_events() -> Response:
    def events() -> Iterator[str]:
        for number in range(3):
            yield f"event: tick\ndata: {number}\n\n"

    return Response(events(), mimetype="text/event-stream")


@app.get("/in/stream-with-calls")
def answer_stream_with_calls() -> Response:
    return Response(stream_with_context(inbound.lines_of_upstream()), mimetype="text/plain")


@app.get("/in/stream-without-context")
def answer_stream_without_context() -> Response:
    return Response(inbound.lines_of_upstream(), mimetype="text/plain")


@app.get("/in/gate/<name>")
def answer_gated(name: str) -> Response:
    return Response(inbound.gated_events(name), mimetype="text/event-stream")


@app.post("/in/background")
def background() -> Any:
    def work() -> None:
        told = httpx.get(url("/json/background")).json()
        afterwards.put("sync", [told, clients["resp3-text"].incr("background")])

    threading.Thread(target=work).start()
    return {"accepted": True}


@app.get("/in/background/result")
def background_result() -> Any:
    return jsonify([afterwards.wait("sync")])


@app.get("/in/exception")
def exception() -> Any:
    raise RuntimeError("nobody catches this")


@app.get("/in/exception-after-call")
def exception_after_call() -> Any:
    raise LookupError(httpx.get(url("/json/before-the-exception")).json()["place"])


@app.get("/in/missing/<int:key>")
def missing(key: int) -> Any:
    abort(404, f"no {key}")


@app.errorhandler(422)
def unprocessable(error: Exception) -> Any:
    return {"problem": str(error)}, 422


@app.get("/in/unprocessable")
def answer_unprocessable() -> Any:
    abort(422, "not like this")


@app.get("/in/redirect")
def answer_redirect() -> Any:
    return redirect("/in/json?from=redirect", code=307)


@app.get("/in/cookies")
def cookies() -> Response:
    response = jsonify(request.cookies)
    response.set_cookie("first", "1", path="/", httponly=True)
    response.set_cookie("second", "zwei drei", max_age=None)
    return response


@app.get("/in/head")
def head() -> Response:
    return Response("a body that HEAD does not send", mimetype="text/plain", headers={"X-Here": "yes"})


@app.get("/in/query")
def query() -> Any:
    return {"tags": request.args.getlist("tag"), "raw": request.query_string.decode()}


@app.get("/in/headers")
def headers() -> Response:
    names = ("X-Custom", "Accept-Language", "User-Agent", "Host", "Authorization")
    response = jsonify({name: request.headers.getlist(name) for name in names})
    response.headers.add("X-Custom", "one")
    response.headers.add("X-Custom", "two")
    response.headers.add("X-Latin", "ü")
    return response


@app.get("/in/compressed")
def answer_compressed() -> Response:
    return Response(inbound.TEXT, mimetype="text/plain")


@app.after_request
def compress(response: Response) -> Response:
    """gzip for those who ask for it, as an extension would do it."""
    if "gzip" in request.headers.get("Accept-Encoding", "") and not response.is_streamed:
        response.set_data(inbound.compressed(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
    return response


@app.get("/in/file")
def answer_file() -> Response:
    return send_file(Path(__file__).with_name("page.html"), as_attachment=True)


@app.get("/in/teardown")
def teardown() -> Any:
    return ["opened"]


@app.teardown_request
def closed(error: BaseException | None) -> None:
    """Work after the response of one endpoint."""
    if request.endpoint == "teardown":
        told = httpx.get(url("/json/teardown")).json()
        afterwards.put("teardown", ["closed", told["place"]])


@app.get("/in/teardown/result")
def teardown_result() -> Any:
    return jsonify(afterwards.wait("teardown"))


@app.get("/in/counted/<name>")
def counted(name: str) -> Any:
    return httpx.get(url(f"/counter/{name}")).json()


@app.post("/in/order/<int:number>")
def make_order(number: int) -> Any:
    return order(engines["psycopg2"], clients["resp3-text"], number)


@app.post("/in/drift/<kind>/<driver>")
def drift(kind: str, driver: str) -> Any:
    return jsonify(DRIFTS[kind](engines[driver], clients["resp3-text"]))


@app.post("/in/secrets")
def secret_values() -> Any:
    return inbound.secrets_exchanged(request.get_json()["password"], request.headers["Authorization"])


@app.post("/in/checkout/<driver>")
def pay(driver: str) -> Any:
    return checkout(engines[driver], clients["resp3-text"], request.headers["X-Buyer"], request.get_json())
