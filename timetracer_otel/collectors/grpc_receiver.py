"""OTLP over gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc). Needs grpcio."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from timetracer_otel.collectors.inbox import Inbox
from timetracer_otel.collectors.otlp import LIMITS, response, take
from timetracer_otel.errors import CollectingError

_SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
_WORKERS: Final = 4
_GRACE: Final = 5.0


class GrpcReceiver:
    """A server of its own threads.

    Args:
        host: the address to listen at.
        port: 0 for any.
        inbox: takes what comes.

    Raises:
        CollectingError: it cannot listen there, or grpcio is not installed.
    """

    def __init__(self, host: str, port: int, inbox: Inbox) -> None:
        try:
            import grpc
        except ImportError as error:
            raise CollectingError("--otlp-grpc needs grpcio: pip install 'timetracer-otel[grpc]'") from error
        self._grpc = grpc
        self._inbox = inbox
        self._server = grpc.server(
            ThreadPoolExecutor(_WORKERS, "timetracer-collect-grpc"),
            options=[("grpc.max_receive_message_length", LIMITS.max_bytes), ("grpc.so_reuseport", 0)],
        )
        # bytes as they are: a request is read as any other document
        export = grpc.unary_unary_rpc_method_handler(self._export)
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(_SERVICE, {"Export": export})]
        )
        self._host = f"[{host}]" if ":" in host else host
        try:
            self._port = self._server.add_insecure_port(f"{self._host}:{port}")
        except RuntimeError as error:
            raise CollectingError(f"cannot listen at {host}:{port}: {error}") from error
        if not self._port:
            raise CollectingError(f"cannot listen at {host}:{port}; is something else listening there?")

    @property
    def address(self) -> str:
        """Where it takes traces."""
        return f"{self._host}:{self._port}"

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def close(self) -> None:
        """Take no more; what is being taken is taken to its end."""
        self._server.stop(_GRACE).wait()

    def _export(self, body: bytes, context: Any) -> bytes:
        taken = take(body, "protobuf", self._inbox)
        codes = self._grpc.StatusCode
        if taken.outcome == "busy":
            context.abort(codes.UNAVAILABLE, taken.reason)
        elif taken.outcome != "taken":
            context.abort(codes.INVALID_ARGUMENT, taken.reason)
        return response(taken).SerializeToString()
