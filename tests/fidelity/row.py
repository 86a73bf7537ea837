"""One row of the matrix."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fidelity.wire import Request


@dataclass(frozen=True)
class Row:
    """One scenario.

    Attributes:
        name: Unique; the test's id.
        library: The heading in the matrix.
        edge: What is special about it.
        backend: The driver or protocol, where a library has several.
        requests: What is sent, one after the other.
        statuses: What is answered; 200 to each request if left out.
        frameworks: The applications that have the endpoint.
        repeats: False if the answers differ by nature from one run to the next (clock, random
            sources, races): then the run without recording is not compared, only its statuses.
        any_order: False if the requests are equal, so that only their order tells them apart.
        needs: Programs of system packages, or libraries, without which it is not run.
    """

    name: str
    library: str
    edge: str
    requests: tuple[Request, ...]
    backend: str = ""
    statuses: tuple[int, ...] = ()
    frameworks: tuple[str, ...] = ("fastapi", "flask")
    repeats: bool = True
    any_order: bool = True
    needs: tuple[str, ...] = ()

    @property
    def expected_statuses(self) -> tuple[int, ...]:
        """The status of each answer."""
        return self.statuses or (200,) * len(self.requests)
