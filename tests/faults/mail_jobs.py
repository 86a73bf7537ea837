"""What requests do with mail."""

from __future__ import annotations

import os
import smtplib
import ssl
from typing import Any

import aiosmtplib

from tests.faults.seen import attempt, attempt_async

_PLACE, _TLS, _CERTIFICATE = os.environ["MAIL_URL"].split(",")
_HOST, _, _PORT = _PLACE.partition(":")
_LOGIN = "ada", "correct-Horse-7battery"
_TEXT = "Subject: faults\n\nx"


def mailed() -> Any:
    """Mails, commands, TLS, signing in, and what goes wrong."""
    seen: list[Any] = []
    with smtplib.SMTP(_HOST, int(_PORT)) as client:
        seen.append(client.starttls(context=ssl.create_default_context(cafile=_CERTIFICATE)))
        seen.append(client.login(*_LOGIN))
        seen.append(client.sendmail("a@example.com", ["b@example.com", "refused@example.com"], _TEXT))
        seen.append(attempt(lambda: client.sendmail("refused@example.com", ["b@example.com"], _TEXT)))
        seen += [client.mail("a@example.com"), client.rcpt("b@example.com"), client.data(_TEXT)]
        client.putcmd("NOOP")
        seen += [client.getreply(), client.noop(), client.docmd("HELP")]
        seen.append(attempt(lambda: client.sendmail("a@example.com", ["b@example.com"], "hang up")))
    seen.append(attempt(lambda: smtplib.SMTP("127.0.0.1", 1)))
    return seen


async def mailed_async() -> Any:
    """As above."""
    seen: list[Any] = []
    context = ssl.create_default_context(cafile=_CERTIFICATE)
    async with aiosmtplib.SMTP(hostname=_HOST, port=int(_PORT), tls_context=context) as client:
        seen.append(await client.login(*_LOGIN))
        seen.append(await client.sendmail("a@example.com", ["b@example.com", "refused@example.com"], _TEXT))
        seen.append(await attempt_async(client.sendmail("refused@example.com", ["b@example.com"], _TEXT)))
        seen += [await client.mail("a@example.com"), await client.rcpt("b@example.com")]
        seen += [await client.data(_TEXT), await client.noop()]
        seen.append(await attempt_async(client.sendmail("a@example.com", ["b@example.com"], "hang up")))
    seen.append(await attempt_async(aiosmtplib.SMTP(hostname="127.0.0.1", port=1).connect()))
    return seen
