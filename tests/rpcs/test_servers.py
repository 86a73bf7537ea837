"""RPCs that real gRPC servers answer are cassettes, and replay in process and as a server, with no Redis."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.services.valkey import Valkey
from tests.slow import later
from timetracer_otel.cassette import Cassette
from timetracer_otel.messages import GrpcReply, GrpcRequest
from timetracer_otel.store import FolderStore

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("timetracer-otel")
KINDS = ("blocking", "asynchronous", "asynchronous without instrumentation")
_UNINSTRUMENTED = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "grpc_server,grpc_aio_server"}
METADATA = (("user", "ada"), ("authorization", "Bearer secret"), ("raw-bin", b"\x00\xff"))


def environment(kind: str) -> dict[str, str]:
    """Of a process that has that kind of server."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **(_UNINSTRUMENTED if "without" in kind else {})}


@contextlib.contextmanager
def serving(kind: str, store: Path, how: str, redis_url: str) -> Iterator[str]:
    """A server process that records, replays, or does neither; its address."""
    service = [sys.executable, "-m", "tests.rpcs.apps.stock", kind.split()[0]]
    commands: dict[str, list[str | Path]] = {
        "plain": [*service],
        "record": [COMMAND, "record", "--", *service],
        "replay": [COMMAND, "replay", store, "--", *service],
    }
    environ = {**environment(kind), "REDIS_URL": redis_url, "TIMETRACER_DIR": str(store)}
    process = subprocess.Popen(
        commands[how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, cwd=ROOT, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def ask(address: str) -> list[Any]:
    """Every kind of RPC; what a client is told of each."""
    told = []
    with grpc.insecure_channel(address) as channel:
        for method, requests in (
            ("Reserve", [b"2"]),
            ("Refuse", [b"x"]),
            ("Broken", [b"tea"]),
            ("Remind", [b"ada"]),
            ("Watch", [b"3"]),
            ("Collect", [b"a", b"b", b"a"]),
            ("Chat", [b"x", b"y", b"x"]),
            ("Missing", [b""]),
        ):
            call = channel.stream_stream(f"/shop.Stock/{method}")(
                iter(requests), metadata=METADATA, timeout=60
            )
            messages = []
            with contextlib.suppress(grpc.RpcError):
                messages.extend(call)
            shown = [pair for pair in call.trailing_metadata() if not pair[0].startswith("grpc")]
            told.append((method, list(call.initial_metadata()), messages, call.code(), call.details(), shown))
    return told


@pytest.fixture(scope="module", params=[*KINDS[:2], later(KINDS[2])])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The kind, its store, and what clients were told without us and while recording."""
    kind = request.param
    store = tmp_path_factory.mktemp(kind)
    valkey = Valkey()
    try:
        with serving(kind, store, "plain", valkey.url) as address:
            live = ask(address)
        valkey.fresh()
        with serving(kind, store, "record", valkey.url) as address:
            recording = ask(address)
    finally:
        valkey.stop()
    return kind, store, live, recording


def test_recording_changes_nothing(recorded: Any) -> None:
    _, _, live, recording = recorded
    assert recording == live


def test_each_rpc_is_one_cassette(recorded: Any) -> None:
    _, store, _, _ = recorded
    assert sorted(_told(cassette) for _, cassette in FolderStore(store).iter()) == [
        ("rpc /shop.Stock/Broken", [b"tea"], [], 2, []),
        ("rpc /shop.Stock/Chat", [b"x", b"y", b"x"], [b"x 1", b"y 1", b"x 2"], 11, ["INCRBY"] * 3),
        ("rpc /shop.Stock/Collect", [b"a", b"b", b"a"], [b"2"], 0, ["SADD"]),
        ("rpc /shop.Stock/Refuse", [b"x"], [], 9, ["GET"]),
        ("rpc /shop.Stock/Remind", [b"ada"], [b"soon"], 0, ["INCRBY"]),
        ("rpc /shop.Stock/Reserve", [b"2"], [b"ada -2"], 0, ["DECRBY"]),
        ("rpc /shop.Stock/Watch", [b"3"], [b"1", b"2", b"3"], 0, ["INCRBY"] * 3),
    ]


def _told(cassette: Cassette) -> tuple[str, Any, Any, int, list[str]]:
    request, reply = cassette.inbound_message, cassette.inbound_answer
    assert isinstance(request, GrpcRequest)
    assert isinstance(reply, GrpcReply)
    assert ("authorization", "Bearer [REDACTED]") in request.metadata
    assert request.complete
    calls = [call.request.title().split()[0] for call in cassette.calls() if call.request is not None]
    return cassette.title, request.messages, reply.messages, reply.code, calls


def test_they_replay_in_process(recorded: Any) -> None:
    kind, store, _, _ = recorded
    app = f"tests.rpcs.apps.stock:{kind.split()[0]}"
    done = subprocess.run(
        [COMMAND, "replay", store, "--app", app, "--factory", "--json"],
        env=environment(kind), cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["outcome"], one["differences"]) for one in verdicts] == [("same", [])] * 7, done
    assert done.returncode == 0


def test_a_server_answers_recorded_rpcs(recorded: Any) -> None:
    kind, store, _, recording = recorded
    with serving(kind, store, "replay", "redis://127.0.0.1:1/0") as address:
        assert ask(address) == recording
        with grpc.insecure_channel(address) as channel:
            call = channel.unary_unary("/shop.Stock/Reserve")
            with pytest.raises(grpc.RpcError) as caught:
                call(b"3", metadata=METADATA, timeout=60)
        assert "no cassette recorded this rpc /shop.Stock/Reserve" in str(caught.value)
