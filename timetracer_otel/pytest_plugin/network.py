"""``--block-network``: a test that opens a connection outside a replay fails, with the name of the call."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Generator, Iterable
from contextvars import ContextVar, Token
from typing import Any

import pytest

from timetracer_otel import integrations, ports
from timetracer_otel.blocks import listens_here
from timetracer_otel.errors import LiveConnectionError
from timetracer_otel.messages import Answer, Failure, Request
from timetracer_otel.replayers import guard

_call: ContextVar[str] = ContextVar("timetracer_blocked_call", default="")
"""The dependency call under way here."""


class NetworkBlock:
    """Hooks that watch over the connections of each test.

    Args:
        config: of the run.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._allowed = frozenset(config.getini("timetracer_allow_hosts"))
        self._refused: list[str] = []
        self._said = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Block the network for a test and its fixtures."""
        self._refused.clear()
        self._said = 0
        integrations.install()
        guard.install()
        before = ports.set_process_ports(ports.process_port() or _Names(), ports.entry_port())
        try:
            with guard.blocking(self._refuse):
                return (yield)
        finally:
            ports.set_process_ports(*before)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Fail the test also where it went on without the connection."""
        result = yield
        said, self._said = self._said, len(self._refused)
        if self._refused[said:]:
            pytest.fail("\n".join(dict.fromkeys(self._refused[said:])), pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Say beside another failure which connections were refused."""
        report = yield
        lines = self._refused[self._said :]
        self._said = len(self._refused)
        if report.failed and lines:
            report.sections.append(
                ("timetracer-otel: the network is blocked", "\n".join(dict.fromkeys(lines)))
            )
        return report

    def _refuse(self, target: str, address: Any, culprit: Callable[[], str]) -> None:
        host = address[0] if isinstance(address, tuple) and address else target
        if host in self._allowed or _is_own(address):
            return
        by = culprit()
        if by.startswith("multiprocessing."):
            return  # processes of the test's own
        call = _call.get()
        what = f"{call} would connect" if call else f"{by} would connect"
        text = f"the network is blocked: {what} to {target}"
        self._refused.append(text)
        raise LiveConnectionError(
            f"{text}; answer it from a cassette (@pytest.mark.cassette), or list the host in the setting"
            " timetracer_allow_hosts"
        )


def _is_own(address: Any) -> bool:
    """A server in this very process: the application under test, or a stand-in for a service."""
    if not isinstance(address, tuple) or len(address) < 2:
        return False
    with contextlib.suppress(ValueError):
        if not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            return False
    return listens_here(str(address[0]), int(address[1]))


class _Names:
    """Stands behind the ports to know which call is under way; see :class:`~timetracer_otel.ports.Port`."""

    body_limit = 0
    replaying = False
    pace = False

    def live(self, caller: ports.Caller) -> bool:
        """Every call goes out; it may not come far."""
        return True

    def begin(self, caller: ports.Caller, request: Request, span: Any = None) -> ports.Exchange:
        """Note which call it is."""
        return _Named(f"{request.title()[:200]} ({caller.name})")

    def recorded_requests(self, caller: ports.Caller) -> Iterable[Request]:
        """Nothing is recorded."""
        return ()

    def pending_requests(self, caller: ports.Caller, *, everywhere: bool = False) -> Iterable[Request]:
        """Nothing is recorded."""
        return ()

    async def await_cancellation(self, title: str) -> None:
        """Nothing is recorded."""

    def new_lane(self) -> Any:
        """Nobody tells lanes apart."""
        return None

    def lost(self, where: str, why: str) -> None:
        """Nothing is recorded."""


class _Named:
    """A call that is known by its name while it is under way."""

    recorded: Answer | Failure | None = None

    def __init__(self, name: str) -> None:
        self._name = name
        self._token: Token[str] | None = None

    def __enter__(self) -> _Named:
        self._token = _call.set(_call.get() or self._name)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _call.reset(self._token)

    def finish(self, answer: Answer | Failure | None) -> None:
        """Nothing to do."""

    def reading(self, so_far: Callable[[], Answer | None]) -> None:
        """Nothing to do."""

    def gap(self, kind: str, detail: str) -> None:
        """Nothing to do."""
