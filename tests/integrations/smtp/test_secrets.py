"""Secrets in mails are masked in the copy; the mail that is sent has them."""

from __future__ import annotations

from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest

from tests.integrations.smtp.runs import letter
from timetracer_otel.messages import MailCommand, mime
from timetracer_otel.redaction import KnownSecrets, Redactor, masked_equal, secrets_in

_LINK = "https://shop.example.com/reset?token=t0ken-0f-ada-17&user=ada"
_MASKED = "https://shop.example.com/reset?token=%5BREDACTED%5D&user=ada"


def masked(message: EmailMessage) -> tuple[EmailMessage, list[str], MailCommand]:
    """The mail as a cassette has it, and the places that were masked."""
    places: list[str] = []
    command = MailCommand("SEND", sender="a@b.c", recipients=["ada@example.com"], message=message.as_bytes())
    clean = Redactor().message(command, places)
    assert clean.message is not None
    assert Redactor().message(clean, []) is clean
    return BytesParser(policy=default).parsebytes(clean.message), places, clean


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
def test_links_and_what_follows_a_secret_name(encoding: Any) -> None:
    message = EmailMessage()
    message["Subject"] = "Welcome"
    text = f"Dear Ada,\nfollow {_LINK} now.\nPassword: correct-horse\nOrder: 17\n"
    message.set_content(text, cte=encoding)
    clean, places, _ = masked(message)
    assert clean.get_content().replace("\r\n", "\n") == (
        f"Dear Ada,\nfollow {_MASKED} now.\nPassword: [REDACTED]\nOrder: 17\n"
    )
    assert clean["Content-Transfer-Encoding"] == encoding
    assert len(places) >= 1


def test_headers_and_every_part() -> None:
    message = letter(f"Hello ü {_LINK}", X_Api_Key="k-0123456789", List_Unsubscribe=f"<{_LINK}>")
    message.add_alternative(f'<a href="{_LINK}">Reset</a>', subtype="html")
    message.add_attachment(b'{"password": "hunter2", "name": "ada"}', maintype="application", subtype="json")
    clean, _, command = masked(message)
    assert (clean["X-Api-Key"], clean["List-Unsubscribe"].strip()) == ("[REDACTED]", f"<{_MASKED}>")
    assert (clean["Subject"], clean["To"]) == ("Grüße ✓", "ada@example.com")
    plain, html, attached = (part for part in clean.walk() if not part.is_multipart())
    assert plain.get_content().strip() == f"Hello ü {_MASKED}"
    assert html.get_content().strip() == f'<a href="{_MASKED}">Reset</a>'
    assert attached.get_content() == b'{"password": "[REDACTED]", "name": "ada"}'
    assert command.recipients == ["ada@example.com"]
    assert masked_equal(
        command.canonical(),
        MailCommand(
            "SEND", sender="a@b.c", recipients=["ada@example.com"], message=message.as_bytes()
        ).canonical(),
    )


def test_a_mail_within_a_mail() -> None:
    message = letter("See below.")
    message.add_attachment(letter(f"It was {_LINK}"))
    assert b"t0ken-0f-ada-17" not in (masked(message)[2].message or b"")


def test_without_secrets_it_is_the_same_object() -> None:
    command = MailCommand("SEND", message=letter("Nothing to see").as_bytes())
    assert Redactor().message(command, []) is command


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\r\n\r\n",
        b"no headers at all",
        b"Subject: only",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x--",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nA: b\r\n\r\ncut off",
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"Content-Type: text/plain; charset=nonsense\r\nSubject: =?nonsense?b?AAA?=\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 2000,
    ],
)
def test_what_is_malformed_is_compared_as_it_is(mail: bytes) -> None:
    command = MailCommand("SEND", message=mail)
    read = MailCommand.from_attributes(command.attributes())
    assert read == command
    assert Redactor().message(read, []) is read
    assert read.key() == command.key()
    assert isinstance(read.title(), str)
    assert mime.canonical(mail) == mime.canonical(mail)


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64"])
def test_a_secret_that_is_known_from_elsewhere_or_known_there(encoding: Any) -> None:
    message = EmailMessage()
    message.set_content("Go to https://shop.example.com/reset/t0ken-0F-ada-17 now.\n", cte=encoding)
    command = MailCommand("SEND", message=message.as_bytes())
    clean = KnownSecrets({"t0ken-0F-ada-17"}).message(command, [])
    assert clean.message is not None
    read = BytesParser(policy=default).parsebytes(clean.message)
    assert isinstance(read, EmailMessage)
    assert read.get_content().strip() == "Go to https://shop.example.com/reset/[REDACTED] now."
    message.set_content(f"{_LINK}\n", cte=encoding)
    told = MailCommand("SEND", message=message.as_bytes())
    assert secrets_in(told, Redactor().message(told, [])) == {"t0ken-0f-ada-17"}
