"""A language model's API as openai and anthropic speak it: server-sent events, one word at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = ("Tea", " is", " ready", " ☕")


class Model:
    """The server, in a thread of the tests' process; ``asked`` counts what arrives.

    Each event is sent when ``next`` is released; :meth:`hurry` lets all of them out.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.next = threading.Semaphore(0)
        self.hurried = False
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                model.asked += 1
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if "limited" in json.dumps(asked):
                    self.answer(429, {"error": {"type": "rate_limit_error", "message": "slow down"}})
                elif not asked.get("stream"):
                    self.answer(200, whole(self.path))
                else:
                    self.stream(events(self.path))

            def answer(self, status: int, data: Any) -> None:
                body = json.dumps(data).encode()
                self.send_response_only(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def stream(self, pieces: Iterator[bytes]) -> None:
                self.send_response_only(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for piece in pieces:
                    if not model.hurried:
                        model.next.acquire()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def hurry(self) -> None:
        """Hold nothing back."""
        self.hurried = True
        for _ in range(100):
            self.next.release()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


def events(path: str) -> Iterator[bytes]:
    """One event a piece, as the API at that path words them."""
    if path.endswith("/chat/completions"):
        for word in WORDS:
            yield _event(None, _completion("chat.completion.chunk", delta={"content": word}, finish=None))
        yield _event(None, _completion("chat.completion.chunk", delta={}, finish="stop"))
        yield b"data: [DONE]\n\n"
        return
    message = {**_message([]), "stop_reason": None}
    block = {"index": 0, "content_block": {"type": "text", "text": ""}}
    yield _event("message_start", {"message": message})
    yield _event("content_block_start", block)
    for word in WORDS:
        yield _event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}})
    yield _event("content_block_stop", {"index": 0})
    yield _event("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}})
    yield _event("message_stop", {})


def whole(path: str) -> Any:
    """The answer at once."""
    text = "".join(WORDS)
    if path.endswith("/chat/completions"):
        return _completion("chat.completion", message={"role": "assistant", "content": text}, finish="stop")
    return _message([{"type": "text", "text": text}])


def _completion(kind: str, *, finish: str | None, **content: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": finish, **content}
    return {"id": "c1", "object": kind, "created": 1_790_000_000, "model": "m1", "choices": [choice]}


def _message(content: list[Any]) -> dict[str, Any]:
    usage = {"input_tokens": 3, "output_tokens": 4}
    return {
        "id": "m1", "type": "message", "role": "assistant", "model": "m1", "content": content,
        "stop_reason": "end_turn", "stop_sequence": None, "usage": usage,
    }  # fmt: skip


def _event(name: str | None, data: dict[str, Any]) -> bytes:
    if name is None:
        return f"data: {json.dumps(data)}\n\n".encode()
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()
