"""Traces of others: whatever is converted is masked, in every field that a format has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.canaries.canaries import Canaries
from tests.canaries.places import IN_CLEAR
from timetracer_otel.cli import cli
from timetracer_otel.formats import otlp_json, otlp_protobuf
from timetracer_otel.span import Event, Link, Resource, Scope, Span, SpanKind, Status, StatusCode

TRACE, BEGAN = "1" * 32, 10**18


def spans(c: Canaries) -> list[Span]:
    """A request with a secret in every field, a call with its payload, and one that was recorded by us."""
    resource = Resource(
        {
            "service.name": "shop",
            "app.password": c["resource"],
            "process.command_args": ["shop", f"--db=postgres://u:{c['resource, URL']}@h"],
            "process.command_line": f"shop --password={c['resource, command line']}",
        }
    )
    scope = Scope("lib", "1", {"token": c["scope"]})
    entry = Span(TRACE, "1" * 16, f"GET /x?token={c['name']}", "", SpanKind.SERVER, BEGAN, BEGAN + 9)
    entry.attributes = {
        "http.request.method": "GET",
        "url.full": f"http://h/x?token={c['URL']}",
        "url.query": f"token={c['query']}",
        "http.request.header.authorization": [f"Bearer {c['header']}"],
        "http.request.header.baggage": [f"a=1,token={c['baggage']}"],
        "rpc.grpc.request.metadata.authorization": [f"Bearer {c['metadata']}"],
        "rpc.grpc.response.metadata.set_cookie": [f"sid={c['metadata, cookie']}"],
        "app.password": c["attribute"],
        "app.tokens": ["a", c["attribute, list"]],
        "app.error.message": f"password={c['attribute, said']}",
        "app.config": json.dumps({"password": c["attribute, JSON"]}),
        "app.note": f"postgres://u:{c['attribute, URL']}@h",
        "gen_ai.prompt": json.dumps([{"role": "user", "api_key": c["prompt"]}]),
        "db.query.text": f"select '{c['literal']}'",
        "messaging.kafka.message.key": f"session:{c['header']}",
        "gen_ai.usage.input_tokens": 7,
    }
    entry.events = [
        Event(
            "exception",
            BEGAN,
            {
                "exception.message": f"no postgres://u:{c['exception, URL']}@h password={c['exception']}",
                "exception.stacktrace": f"File x\n token={c['stack']}",
            },
        ),
        Event(
            f"log token={c['event, name']}",
            BEGAN,
            {"token": c["event"], "x": f'{{"pwd":"{c["event, JSON"]}"}}'},
        ),
    ]
    entry.links = [
        Link(
            "2" * 32,
            "2" * 16,
            f"v={c['tracestate of a link']}",
            {"token": c["link"], "x": f"http://u:{c['link, URL']}@h"},
        )
    ]
    entry.status = Status(StatusCode.ERROR, f"password={c['status']} at postgres://u:{c['status, URL']}@h")
    entry.trace_state = f"v={c['tracestate']}"
    call = Span(TRACE, "3" * 16, "POST", entry.span_id, SpanKind.CLIENT, BEGAN + 1, BEGAN + 2)
    call.attributes = {
        "http.request.method": "POST",
        "url.full": f"http://h/?x={c['header']}",
        "http.request.header.x-api-key": [c["call, header"]],
        "http.request.body": json.dumps({"password": c["call, body"]}),
        "http.response.status_code": 200,
        "http.response.body": json.dumps({"token": c["call, answer"]}),
    }
    ours = Span(TRACE, "4" * 16, "HSET", entry.span_id, SpanKind.CLIENT, BEGAN + 3, BEGAN + 4)
    ours.attributes = {
        "timetracer.call.integration": "redis",
        "timetracer.call.family": "redis",
        "timetracer.call.lane": 0,
        "timetracer.call.index": 1,
        "timetracer.redis.command": json.dumps(["HSET", "k", "password", c["recorded by us"]]),
        "timetracer.redis.reply": "1",
        "app.password": c["attribute beside a call of ours"],
    }
    ours.events = [
        Event("exception", BEGAN, {"exception.message": f"no redis://u:{c['exception of ours']}@h"})
    ]
    for span in (entry, call, ours):
        span.resource, span.scope = resource, scope
    return [entry, call, ours]


def tags(**named: str) -> list[dict[str, str]]:
    """Tags as Jaeger has them; ``_`` stands for a dot."""
    return [{"key": key.replace("_", "."), "type": "string", "value": text} for key, text in named.items()]


def jaeger(c: Canaries) -> bytes:
    """A trace of Jaeger's, with no payload."""
    span = {
        "traceID": TRACE,
        "spanID": "1" * 16,
        "operationName": f"GET /?token={c['name']}",
        "startTime": 1700000000000000,
        "duration": 1000,
        "tags": tags(
            span_kind="server",
            http_url=f"http://u:{c['tag, password of a URL']}@h/?token={c['tag, URL']}",
            password=c["tag"],
            error_message=f"password={c['tag, said']}",
        ),
        "logs": [
            {
                "timestamp": 1700000000000001,
                "fields": tags(
                    message=f"token={c['log']}",
                    token=c["log, field"],
                    stack=f"at redis://u:{c['log, URL']}@h",
                ),
            }
        ],
        "processID": "p1",
        "warnings": [f"token={c['warning']}"],
    }
    process = {
        "serviceName": "shop",
        "tags": tags(password=c["process"], cmdline=f"shop --token={c['process, command line']}"),
    }
    return json.dumps({"data": [{"traceID": TRACE, "spans": [span], "processes": {"p1": process}}]}).encode()


def zipkin(c: Canaries) -> bytes:
    """A trace of Zipkin's, with no payload."""
    span = {
        "traceId": TRACE,
        "id": "1" * 16,
        "kind": "SERVER",
        "name": f"get /?token={c['name']}",
        "timestamp": 1700000000000000,
        "duration": 1000,
        "localEndpoint": {"serviceName": "shop"},
        "tags": {
            "http.url": f"http://u:{c['tag, password of a URL']}@h/?token={c['tag, URL']}",
            "password": c["tag"],
            "error": f"password={c['tag, said']}",
        },
        "annotations": [{"timestamp": 1700000000000001, "value": f"sent token={c['annotation']}"}],
    }
    return json.dumps([span]).encode()


def without_payloads(c: Canaries) -> bytes:
    """The request of :func:`spans` alone, each of its fields in a trace of its own."""
    (entry, *_) = spans(c)
    del entry.attributes["messaging.kafka.message.key"]  # a secret only beside the header that says so
    made = []
    for number, (name, value) in enumerate(entry.attributes.items(), 1):
        made.append(
            Span(f"{number:032x}", "1" * 16, "GET", "", SpanKind.SERVER, BEGAN, BEGAN + 9, {name: value})
        )
    for number, field in enumerate(
        ("name", "events", "links", "status", "trace_state", "resource", "scope"), 100
    ):
        one = Span(f"{number:032x}", "1" * 16, "GET", "", SpanKind.SERVER, BEGAN, BEGAN + 9)
        setattr(one, field, getattr(entry, field))
        made.append(one)
    return b"\n".join(otlp_json.encode([span]) for span in made)


FORMS = {
    "OTLP, JSON": lambda c: otlp_json.encode(spans(c)),
    "OTLP, Protobuf": lambda c: otlp_protobuf.encode(spans(c)),
    "OTLP, no payloads": without_payloads,
    "Jaeger": jaeger,
    "Zipkin": zipkin,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["json", "protobuf"])
def test_converted(form: str, encoding: str, tmp_path: Path) -> None:
    c = Canaries("traces")
    (tmp_path / "traces").write_bytes(FORMS[form](c))
    said = c.found_in(tmp_path / "traces")
    arguments = ["convert", str(tmp_path / "traces"), "-o", str(tmp_path / "out"), "--encoding", encoding]
    done = CliRunner().invoke(cli, arguments)

    assert done.exit_code == 0, done.output
    assert len(said) > 5
    assert c.found_in(tmp_path / "out", done.output) == set(IN_CLEAR["traces"]) & said
