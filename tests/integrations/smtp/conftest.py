"""Every test sees the integrations installed, and a mail server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.smtp.runs import Runs
from tests.services.full_house import FullHouse
from tests.services.mail import MailServer
from timetracer_otel.integrations import wrapping
from timetracer_otel.integrations.smtp.asynchronous import AiosmtplibIntegration
from timetracer_otel.integrations.smtp.blocking import SmtplibIntegration


@pytest.fixture(scope="session")
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.remove()


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    integrations = SmtplibIntegration(), AiosmtplibIntegration()
    for one in integrations:
        wrapping.install(one)
    yield
    for one in integrations:
        wrapping.uninstall(one)


@pytest.fixture
def mail(mail_server: MailServer) -> Runs:
    mail_server.fresh()
    return Runs(mail_server)


@pytest.fixture
def full_house() -> Iterator[FullHouse]:
    house = FullHouse()
    yield house
    house.remove()
