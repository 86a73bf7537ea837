"""``timetracer-otel collect``."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

import click

from timetracer_otel.cli.moments import Duration
from timetracer_otel.cli.options import environment, setting_options, settings_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    Pair = click.ParamType[tuple[str, int]]
else:  # it takes no parameter in older releases
    Pair = click.ParamType

_HTTP: Final = "127.0.0.1:4318"
_MAX_PORT: Final = 65_535


class Address(Pair):
    """A host and a port to listen at."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read one."""
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
            self.fail(f"{value!r} is no address: give it as 127.0.0.1:4318", param, ctx)
        host = host.removeprefix("[").removesuffix("]")
        return ("127.0.0.1" if host in ("", "localhost") else host), int(port)


@click.command("collect")
@click.option("-o", "--output", "dir", metavar="FOLDER", help="Where the cassettes go. [TIMETRACER_DIR]")
@click.option(
    "--otlp-http", "http", type=Address(), help=f"Take OTLP over HTTP there. [{_HTTP}, unless over gRPC]"
)
@click.option("--otlp-grpc", "grpc", type=Address(), help="Take OTLP over gRPC there: 127.0.0.1:4317.")
@click.option("--service", "services", multiple=True, metavar="GLOB", help="Only of that service.")
@click.option(
    "--endpoint", "endpoints", multiple=True, metavar="GLOB", help="Only 'POST /checkout', or '/checkout'."
)
@click.option("--errors", is_flag=True, help="Only those with an error.")
@click.option(
    "--min-duration", type=Duration(), default="0s", help="Only those that took so long: 250ms, 2s."
)
@click.option(
    "--quiet", type=Duration(), default="6s", show_default=True,
    help="Write a trace when nothing of it came for so long.",
)  # fmt: skip
@setting_options("encoding", "compression", "redact", "redact_keys", "redact_headers")
def command(
    http: tuple[str, int] | None,
    grpc: tuple[str, int] | None,
    services: tuple[str, ...],
    endpoints: tuple[str, ...],
    errors: bool,
    min_duration: int,
    quiet: int,
    **options: Any,
) -> int:
    r"""Receive traces from any SDK or Collector as cassettes.

    Each service's part of a trace becomes a cassette of its own. Those of a Python service that runs with
    TIMETRACER_PAYLOADS=span can be replayed; what others send holds structure, and the payloads that it
    carries.

    \b
    timetracer-otel collect -o cassettes/
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 ...

    Ctrl-C ends it, with everything written that came.
    """
    from timetracer_otel.cli.group import fail
    from timetracer_otel.collectors.grpc_receiver import GrpcReceiver
    from timetracer_otel.collectors.http_receiver import HttpReceiver
    from timetracer_otel.collectors.inbox import Inbox
    from timetracer_otel.converters.selecting import Selection
    from timetracer_otel.converters.tasks import Store
    from timetracer_otel.views.text import count, printable

    settings = settings_from(environment(options))
    store = Store.of(settings)
    selection = Selection(services, endpoints, errors, min_duration, 0, 2**64)
    inbox = Inbox(store, selection, quiet=quiet / 1e9, problem=fail)
    receivers: list[HttpReceiver | GrpcReceiver] = []
    if http is not None or grpc is None:
        over_http = HttpReceiver(*(http or ("127.0.0.1", 4318)), inbox)
        click.echo(f"OTLP over HTTP: {over_http.url}", err=True)
        receivers.append(over_http)
    if grpc is not None:
        over_grpc = GrpcReceiver(*grpc, inbox)
        click.echo(f"OTLP over gRPC: {over_grpc.address}", err=True)
        receivers.append(over_grpc)
    for address in (http, grpc):
        if address is not None and not address[0].startswith("127.") and address[0] != "::1":
            click.echo(f"warning: whoever reaches {address[0]} can write cassettes here", err=True)
    with _asked_to_end() as end:
        inbox.start()
        for receiver in receivers:
            receiver.start()
        click.echo(f"writing to {printable(settings.dir)}; Ctrl-C ends", err=True)
        end.wait()
        for receiver in receivers:
            receiver.close()
        received = inbox.close()
    written = received.written
    told = [f"{count(received.spans, 'span')} received", f"{count(written.cassettes, 'cassette')} written"]
    if written.structure_only:
        told.append(f"{written.structure_only:,} of them with structure only")
    if written.unwanted:
        told.append(f"{written.unwanted:,} not asked for")
    if received.refused:
        told.append(f"{count(received.refused, 'request')} told to come again")
    click.echo(", ".join(told))
    return 0


@contextlib.contextmanager
def _asked_to_end() -> Iterator[threading.Event]:
    """Set by SIGINT or SIGTERM; a second one ends at once."""
    end = threading.Event()
    before: dict[int, Any] = {}

    def ask(number: int, frame: object) -> None:
        end.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before.update({number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)})
    try:
        yield end
    finally:
        restore()
