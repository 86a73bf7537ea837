"""The story: what is done, said and shown, step by step."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from timetracer_otel.demo.processes import Received, Sent, Server, run_program, send
from timetracer_otel.demo.shop import Services, check_installed, copy_shop, fill
from timetracer_otel.errors import ApplicationError

REQUESTS = (
    Sent("GET", "/products/1"),
    Sent(
        "POST",
        "/checkout",
        '{"items": [{"product_id": 1, "quantity": 2}], "currency": "USD", "card": "tok_visa"}',
    ),
    Sent("GET", "/orders/1"),
    Sent("GET", "/orders/99"),
)
SHOWN = "POST__checkout__"
KEY = "sk_live_51H8Tg0"
"""What the shop shows the payment service; it must be in no cassette."""

SERVE = ("uvicorn", "app:app")


def run(echo: Callable[[str], None], directory: Path | None = None) -> int:
    """Run the demonstration.

    Args:
        echo: prints one line.
        directory: an empty folder for the shop and its cassettes; a new temporary one by default.

    Returns:
        0 when every replayed answer was the recorded one, byte for byte, else 1.

    Raises:
        ApplicationError: something that the demonstration needs is missing or did not start.
    """
    check_installed()
    directory = directory or Path(tempfile.mkdtemp(prefix="timetracer-demo-"))
    copy_shop(directory)
    story = _Story(echo, directory)

    story.step("Start PostgreSQL, Valkey and the payment service")
    with contextlib.ExitStack() as stack:
        services = stack.enter_context(Services())
        for name, address in services.addresses().items():
            echo(f"   {name:<16}{address}")
        environment = services.environment | {"PAYMENTS_KEY": KEY}
        fill(directory, environment)

        story.step("Record: the shop as it is, behind one command")
        recorded = story.serve(["timetracer-otel", "record", "--", *SERVE], environment)
    story.command(["timetracer-otel", "list"])

    story.step(f"Look at the cassette of {REQUESTS[1].method} {REQUESTS[1].path}")
    story.command(["timetracer-otel", "show", str(story.cassette(SHOWN))])
    failures = story.leaks(KEY)

    story.step("The services are stopped")
    for name, address in services.addresses().items():
        echo(f"   {name:<16}{address}   {services.refusal(name)}")

    story.step("Replay: the same shop and addresses, no key, nothing listening")
    replayed = story.serve(["timetracer-otel", "replay", "cassettes/", "--", *SERVE], services.environment)
    failures += story.verdict(recorded, replayed)

    story.step("Replay every cassette in one process, with the calls compared too")
    if story.command(["timetracer-otel", "replay", "cassettes/", "--app", "app:app"], services.environment):
        failures += 1

    echo("")
    echo(f"The shop and its cassettes are in {directory}")
    if failures:
        echo("FAILED: the replay is not what was recorded")
        return 1
    echo(f"OK: {len(REQUESTS)} of {len(REQUESTS)} answers replayed byte for byte with every service stopped")
    return 0


class _Story:
    """Says what happens, does it, and shows what came of it."""

    def __init__(self, echo: Callable[[str], None], directory: Path) -> None:
        self._echo = echo
        self._directory = directory
        self._steps = 0
        self._log = ""

    def step(self, title: str) -> None:
        self._steps += 1
        self._echo("")
        self._echo(f"{self._steps}. {title}")

    def serve(self, command: Sequence[str], environment: Mapping[str, str]) -> list[Received]:
        """Start the shop with that command, send it the requests, stop it."""
        self._echo(f"   $ {' '.join(command)}")
        with Server(command, self._directory, environment) as shop:
            answers = []
            for request in REQUESTS:
                answer = send(shop.url, request)
                answers.append(answer)
                self._echo(f"   {request.method} {request.path}  {request.body}".rstrip())
                self._echo(f"      {answer.status}  {answer.body}")
        self._log = shop.output()
        return answers

    def command(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Run a command and print what it prints."""
        self._echo(f"   $ {' '.join(command)}")
        status, output = run_program(command, self._directory, environment or {})
        for line in output.splitlines():
            self._echo(f"   {line}".rstrip())
        return status

    def cassette(self, name: str) -> Path:
        """The one cassette whose file name begins with that."""
        found = sorted(self._directory.glob(f"cassettes/*/{name}*"))
        if not found:
            raise ApplicationError(
                f"nothing was recorded in {self._directory / 'cassettes'}; see docs/troubleshooting.md"
            )
        return found[0].relative_to(self._directory)

    def leaks(self, secret: str) -> int:
        """Say whether a secret is in the cassettes; in how many of them it is."""
        found = [path for path in self._directory.glob("cassettes/*/*") if secret in path.read_text()]
        self._echo(
            f"   The shop sent its payment key with two of these calls. Cassettes that hold it: {len(found)}"
        )
        return len(found)

    def verdict(self, recorded: Sequence[Received], replayed: Sequence[Received]) -> int:
        """Print where two series of answers differ, and then what the shop logged; how many do."""
        differences = 0
        for request, before, now in zip(REQUESTS, recorded, replayed, strict=True):
            if before == now:
                continue
            differences += 1
            self._echo(f"   DIFFERS: {request.method} {request.path}")
            self._echo(f"      recorded {before.status}  {before.body}")
            self._echo(f"      replayed {now.status}  {now.body}")
        for line in self._log.splitlines() if differences else ():
            self._echo(f"   | {line}".rstrip())
        self._echo(f"   {len(recorded) - differences} of {len(recorded)} answers are the recorded ones")
        return differences
