"""Servers of RPCs under contract: each RPC is an entry.

Nothing is imported before an order says so.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.contract.frameworks import Framework, fail, work, work_in_thread
from timetracer_otel import ports


class GrpcServer(Framework):
    """Bytes as they are, from a client that nobody watches."""

    module = "grpc"
    integration = "grpc_server"
    scope = "opentelemetry.instrumentation.grpc"
    instrumentor = "opentelemetry.instrumentation.grpc:GrpcInstrumentorServer"
    paths = ("/sync", "/thread", "/failing")

    def client(self) -> Any:
        server = self.load().server(ThreadPoolExecutor(2))
        port = self._listen(server)
        server.start()
        return server, port

    def _listen(self, server: Any) -> int:
        grpc = self.load()
        methods = {
            path[1:]: grpc.unary_unary_rpc_method_handler(self._behaviour(path)) for path in self.paths
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Work", methods),))
        port: int = server.add_insecure_port("127.0.0.1:0")
        return port

    def _behaviour(self, path: str) -> Callable[[bytes, Any], Any]:
        def behaviour(request: bytes, context: Any) -> bytes:
            assert json.loads(request) == {"n": 1}
            if path == "/failing":
                fail()
            return json.dumps(work_in_thread() if path == "/thread" else work(path)).encode()

        return behaviour

    def request(self, app: Any, path: str) -> Any:
        grpc = self.load()
        with ports.inside(), grpc.insecure_channel(f"127.0.0.1:{app[1]}") as channel:
            try:
                return channel.unary_unary(f"/shop.Work{path}")(b'{"n": 1}', timeout=60)
            except grpc.RpcError as error:  # the time is in its text
                return error.code(), error.details()


class GrpcAioServer(GrpcServer):
    """As above; its event loop runs in a thread. The standard instrumentation takes coroutines only."""

    module = "grpc.aio"
    instrumentor = "opentelemetry.instrumentation.grpc:GrpcAioInstrumentorServer"
    paths = ("/async", "/thread", "/failing")

    def load(self) -> Any:
        super().load()
        return importlib.import_module("grpc")

    def client(self) -> Any:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(self._started(), loop).result(60)

    async def _started(self) -> Any:
        server = self.load().aio.server(ThreadPoolExecutor(2))
        port = self._listen(server)
        await server.start()
        return server, port

    def _behaviour(self, path: str) -> Callable[[bytes, Any], Any]:
        async def behaviour(request: bytes, context: Any) -> bytes:
            assert json.loads(request) == {"n": 1}
            if path == "/failing":
                fail()
            done = await asyncio.to_thread(work_in_thread) if path == "/thread" else work(path)
            return json.dumps(done).encode()

        return behaviour
