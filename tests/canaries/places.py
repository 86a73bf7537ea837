"""The table of the audit: what stays in clear on purpose. All else that its tests say anywhere is masked."""

from __future__ import annotations

IN_CLEAR = {
    "gRPC": {
        "details of a status, packed": "what is packed into `grpc-status-details-bin` beside its message",
        "bytes without a class": "fields of messages that the app gives as bytes",
    },
    "Kafka": {
        "avro": "fields of Avro, Protobuf, MessagePack: bytes whose schema a cassette does not hold",
    },
    "Celery": {
        "positional": "an argument that is given by position: only its place has a name",
    },
    "MongoDB": {
        "id": "a value under a name that says nothing",
        "unknown operator": "a value under a name that says nothing",
        "file": "the content of files in GridFS, whose length is recorded elsewhere",
    },
    "HTTP": {
        "header of JSON": "JSON in a header",
        "tracestate that came in": "`tracestate`, of spans and links: its values are their vendors'",
        "tracestate of a link": "`tracestate`, of spans and links: its values are their vendors'",
        "split over events": "a secret that an event stream says in several events, word by word",
    },
    "traces": {
        "attribute, JSON": "JSON in attributes of spans and events",
        "attribute, URL": "URLs in attributes whose names do not say that they hold one",
        "event, JSON": "JSON in attributes of spans and events",
        "prompt": "JSON in attributes of spans and events",
        "literal": "texts inside SQL statements",
        "tracestate": "`tracestate`, of spans and links: its values are their vendors'",
        "tracestate of a link": "`tracestate`, of spans and links: its values are their vendors'",
        "recorded by us": "messages that a service recorded with `TIMETRACER_REDACT=false`",
    },
    "outputs": {
        "log": "what the app logs or prints: that is not ours",
    },
}
"""By area, the canaries that stay, and what of theirs docs/security.md says."""
