"""smtplib: mails, and commands one by one."""

from __future__ import annotations

import logging
import logging.handlers
import smtplib
from collections.abc import Callable
from typing import Any

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.mails import HOST, PASSWORD, USER, context, letter, ports, raised
from tests.fidelity.apps.seen import seen

CASES = Cases("smtplib", "smtplib")


def connect(**settings: Any) -> smtplib.SMTP:
    return smtplib.SMTP(HOST, ports()[0], **settings)


def attempt(call: Callable[[], Any]) -> Any:
    try:
        return seen(call())
    except (OSError, ValueError) as error:
        return raised(error)


@CASES("`send_message`: text, HTML, an attachment; what is random in a mail")
def message() -> Any:
    with connect() as client:
        return seen(client.send_message(letter("message")))


@CASES("`sendmail`: text and bytes, options")
def sendmail() -> Any:
    with connect() as client:
        return seen(
            [
                client.sendmail("a@example.com", "b@example.com", "Subject: text\n\n.dots\n..\n"),
                client.sendmail(
                    "a@example.com", ["b@example.com", "c@example.com"], b"Subject: b\r\n\r\n\xff"
                ),
                client.sendmail("a@example.com", ["b@example.com"], "x", ["BODY=8BITMIME"]),
            ]
        )


@CASES("several mails over one connection, `noop` and `rset` between")
def several() -> Any:
    with connect() as client:
        sent = [
            client.send_message(letter(f"number {number}", f"{number}@example.com")) for number in range(3)
        ]
        return seen([sent, client.noop(), client.rset(), client.send_message(letter("last"))])


@CASES("what a client knows of its server: `ehlo_resp`, `esmtp_features`, `has_extn`")
def features() -> Any:
    client = connect()
    known: list[Any] = [
        client.ehlo(),
        client.ehlo_resp,
        client.does_esmtp,
        sorted(client.esmtp_features.items()),
    ]
    known += [client.has_extn("size"), client.helo("here"), client.helo_resp, client.quit(), client.sock]
    return seen(known)


@CASES("`STARTTLS`, then another `EHLO`")
def starttls() -> Any:
    with connect() as client:
        said = [client.starttls(context=context()), client.ehlo_resp, client.ehlo(), client.sock.version()]  # type: ignore[union-attr]  # TLS's
        return seen([said, client.send_message(letter("starttls")), attempt(client.starttls)])


@CASES("`SMTP_SSL`")
def ssl() -> Any:
    with smtplib.SMTP_SSL(HOST, ports()[1], context=context()) as client:
        return seen([client.ehlo(), client.send_message(letter("ssl"))])


@CASES("`login`, with a right and a wrong password, by each mechanism")
def login() -> Any:
    found = []
    for mechanism in ("CRAM-MD5", "PLAIN", "LOGIN"):
        for password in (PASSWORD, "wrong"):
            with connect() as client:
                client.ehlo()
                client.esmtp_features["auth"] = mechanism
                found.append(attempt(lambda: client.login(USER, password)))  # noqa: B023  # called here
    return found


@CASES("some recipients are refused, then all")
def recipients() -> Any:
    to = ["ada@example.com", "refused@example.com", "later@example.com"]
    with connect() as client:
        some = client.sendmail("shop@example.com", to, "Subject: some\n\nx")
        return [
            seen(some),
            attempt(lambda: client.sendmail("shop@example.com", to[1:], "x")),
            seen(client.noop()),
        ]


@CASES("a sender and a mail are refused")
def refused() -> Any:
    with connect() as client:
        return [
            attempt(lambda: client.sendmail("refused@example.com", ["ada@example.com"], "x")),
            attempt(lambda: client.sendmail("shop@example.com", ["ada@example.com"], "spam")),
            attempt(lambda: client.sendmail("shop@example.com", ["ada@example.com"], "x")),
        ]


@CASES("the server closes the connection: by 421, and without a word")
def closed() -> Any:
    found = []
    for sender, to, text in (
        ("closing@example.com", "ada@example.com", "x"),
        ("shop@example.com", "closing@example.com", "x"),
        ("shop@example.com", "ada@example.com", "hang up"),
    ):
        client = connect()
        found += [attempt(lambda: client.sendmail(sender, [to], text)), attempt(client.noop)]  # noqa: B023  # called here
    return found


@CASES("nothing listens; no answer in time")
def nothing() -> Any:
    client = connect(timeout=1)
    return [
        attempt(lambda: smtplib.SMTP(HOST, 1)),
        attempt(lambda: smtplib.SMTP().noop()),
        attempt(lambda: client.sendmail("shop@example.com", ["ada@example.com"], "never")),
    ]


@CASES("`mail`, `rcpt`, `data`, `docmd`, `vrfy`, `putcmd` and `getreply` by themselves")
def commands() -> Any:
    with connect() as client:
        said = [client.ehlo(), client.mail("shop@example.com"), client.rcpt("ada@example.com")]
        said += [client.rcpt("refused@example.com"), client.data("Subject: by hand\n\nx")]
        said += [
            client.docmd("HELP"),
            client.vrfy("ada@example.com"),
            client.expn("all"),
            client.docmd("NONSENSE"),
        ]
        client.putcmd("NOOP")
        return seen([*said, client.getreply()])


class Handler(logging.handlers.SMTPHandler):
    """It says what failed where it would be printed."""

    failed = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        self.failed += 1


@CASES("`SMTPHandler` of logging")
def handler() -> Any:
    place = HOST, ports()[0]
    handler = Handler(place, "app@example.com", ["ops@example.com"], "It broke", (USER, PASSWORD))
    handler.emit(logging.LogRecord("app", logging.ERROR, "app.py", 1, "broken: %s", ("tea",), None))
    return handler.failed
