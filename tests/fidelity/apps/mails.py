"""Mails, and where they are sent, for the cases of both libraries."""

from __future__ import annotations

import os
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from tests.fidelity.apps.seen import kind

USER, PASSWORD = "ada", "correct-Horse-7battery"
HOST = "127.0.0.1"


def ports() -> tuple[int, int]:
    """Without TLS, and with it."""
    place, tls, _ = os.environ["MAIL_URL"].split(",")
    return int(place.rpartition(":")[2]), int(tls)


def context() -> ssl.SSLContext:
    """One that trusts the server; its file is the app's."""
    return ssl.create_default_context(cafile=os.environ["MAIL_URL"].split(",")[2])


def letter(subject: str, to: str = "ada@example.com") -> EmailMessage:
    """Text, HTML and an attachment, with what is another in each run."""
    message = EmailMessage()
    message["From"] = "Shop <shop@example.com>"
    message["To"] = to
    message["Subject"] = f"{subject}: ü ✓"
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid()
    message.set_content("Good morning, Adá\n.\nhttps://shop.example.com/reset?token=t0ken-0f-ada\n")
    message.add_alternative("<p>Good morning</p>", subtype="html")
    message.add_attachment(bytes(range(200)), maintype="image", subtype="png", filename="a.png")
    return message


def raised(error: BaseException) -> Any:
    """An exception as an app looks at it."""
    fields = {name: str(value) for name, value in vars(error).items()}
    return [kind(error), str(error), [str(argument) for argument in error.args], fields]
