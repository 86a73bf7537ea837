"""What a person sees of a mail: in views, in differences, in a miss; and mails of a real app replayed."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import django
import django.conf
import pytest
from django.core import mail as django_mail

import timetracer_otel
from tests.integrations.smtp.runs import Runs, letter
from tests.services.mail import PASSWORD, USER
from timetracer_otel import config
from timetracer_otel.comparison.asked import request_differences
from timetracer_otel.errors import MissError
from timetracer_otel.messages import Failure, MailCommand, MailReply
from timetracer_otel.views.messages import message_lines


def command(message: EmailMessage, *recipients: str) -> MailCommand:
    return MailCommand(
        "SEND", sender="shop@example.com", recipients=list(recipients), message=message.as_bytes()
    )


def shown(message: object, *, full: bool = False) -> list[str]:
    return ["".join(one.text for one in line.pieces) for line in message_lines(message, full=full)]


def test_a_mail_in_a_few_lines() -> None:
    message = letter("Your order 17 is on its way")
    message.add_alternative("<p>Your order</p>", subtype="html")
    message.add_attachment(b"\x89\x00\xff", maintype="image", subtype="png", filename="a.png")
    asked = command(message, "ada@example.com", "bob@example.com")
    assert asked.title() == "SEND to ada@example.com, bob@example.com: Grüße ✓"
    assert shown(asked) == [
        "→ from shop@example.com",
        "→ Your order 17 is on its way",
        "→ image/png, 3 bytes",
    ]
    assert "Subject: Grüße ✓" in "\n".join(shown(asked, full=True))


def test_replies_in_a_few_lines() -> None:
    reply = MailReply(
        [[250, "OK"], [550, "no such user"], [354, "go on"], [250, "queued"], Failure("OSError")]
    )
    assert shown(reply) == ["✗ 550 no such user", "✗ OSError()"]


def test_what_changed_in_a_mail() -> None:
    def differ(one: MailCommand, other: MailCommand) -> list[str]:
        return [found.part for found in request_differences(one, other, lambda left, right: left == right)]

    before = command(letter("one"), "ada@example.com", "bob@example.com")
    other_text = command(letter("two"), "ada@example.com", "bob@example.com")
    other_person = command(letter("one"), "ada@example.com", "eve@example.com")
    other_subject = command(letter("one", to="eve@example.com"), "ada@example.com", "bob@example.com")
    assert differ(before, other_text) == ["mail body"]
    assert differ(before, other_person) == ["mail recipient [1]"]
    assert differ(before, other_subject) == ["mail header to"]


@pytest.fixture(scope="module")
def site() -> None:
    if not django.conf.settings.configured:
        django.conf.settings.configure(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend")


def test_django_mails_without_a_server(mail: Runs, tmp_path: Path, site: None) -> None:
    def send() -> list[int]:
        host, port = mail.address
        connection = django_mail.get_connection(
            "django.core.mail.backends.smtp.EmailBackend",
            host=host, port=port, username=USER, password=PASSWORD,
        )  # fmt: skip
        one = django_mail.EmailMessage("Hello", "from Django", "a@example.com", ["b@example.com"])
        html = django_mail.EmailMultiAlternatives("Both", "text", "a@example.com", ["b@example.com"])
        html.attach_alternative("<p>text</p>", "text/html")
        sent = connection.send_messages([one, html])
        return [sent, django_mail.send_mail("x", "y", "a@b.c", ["d@e.f"], connection=connection)]

    with timetracer_otel.record(tmp_path, name="mail"):
        recorded = send()
    assert len(mail.server.mails) == 3
    mail.server.stop()
    try:
        with timetracer_otel.replay(tmp_path) as replay:
            replayed = send()
    finally:
        mail.server.start()
    assert (recorded, replayed) == ([2, 1], [2, 1])
    assert PASSWORD not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert [call.grade for call in replay.calls if call.request.title().startswith("SEND")] == ["exact"] * 3


def test_a_mail_that_changed_is_a_miss_that_says_so(mail: Runs, tmp_path: Path) -> None:
    def send(text: str) -> Any:
        with smtplib.SMTP(*mail.address) as client:
            return client.send_message(letter(text))

    with timetracer_otel.record(tmp_path, name="mail"):
        send("Good morning")
    with (
        pytest.raises(MissError, match="body: recorded 'Good morning', live 'Good night'"),
        timetracer_otel.replay(tmp_path),
    ):
        send("Good night")


def test_let_through_by_family_and_by_library(mail: Runs, tmp_path: Path) -> None:
    def send() -> Any:
        with smtplib.SMTP(*mail.address) as client:
            return client.send_message(letter())

    with timetracer_otel.record(tmp_path, name="mail"):
        send()
    for named in ("smtp", "smtplib"):
        with timetracer_otel.replay(tmp_path, settings=config.load({}, live_plugins=(named,))):
            send()
    assert len(mail.server.mails) == 3


def test_what_if_no_mail_could_be_sent(mail: Runs, tmp_path: Path) -> None:
    with timetracer_otel.record(tmp_path, name="mail"), smtplib.SMTP(*mail.address) as client:
        client.send_message(letter())
    with timetracer_otel.replay(tmp_path, faults=["smtp SEND *: timeout"]):
        client = smtplib.SMTP(*mail.address)
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            client.send_message(letter())


def test_bodies_that_are_not_captured(mail: Runs, tmp_path: Path) -> None:
    def send() -> Any:
        with smtplib.SMTP(*mail.address) as client:
            return client.send_message(letter("the-text-of-it"))

    settings = config.load({}, capture_bodies="never")
    with timetracer_otel.record(tmp_path, name="mail", settings=settings):
        send()
    assert "the-text-of-it" not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    with timetracer_otel.replay(tmp_path):
        assert send() == {}
    assert len(mail.server.mails) == 1
