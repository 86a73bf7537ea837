"""aiosmtplib: unwatched, recorded and replayed, an app sees the same."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from email.utils import formatdate, make_msgid
from typing import Any

import aiosmtplib
import pytest

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.smtp.runs import Runs, attempt_async, letter
from tests.services.full_house import FullHouse
from tests.services.mail import PASSWORD, USER
from timetracer_otel.errors import MissError


def client_of(mail: Runs, **settings: Any) -> aiosmtplib.SMTP:
    """A client without TLS."""
    host, port = mail.address
    return aiosmtplib.SMTP(hostname=host, port=port, **{"start_tls": False, **settings})


def features(client: aiosmtplib.SMTP) -> Any:
    """What an app reads of a client."""
    shown = [client.last_ehlo_response, client.supports_esmtp, sorted(client.esmtp_extensions.items())]
    return [*shown, client.server_auth_methods, client.is_connected, client.supports_extension("size")]


def test_a_mail(mail: Runs) -> None:
    async def app(mail: Runs) -> Any:
        host, port = mail.address
        message = letter(Date=formatdate(), Message_ID=make_msgid())
        return await aiosmtplib.send(message, hostname=host, port=port, start_tls=False)

    run = mail(app)
    assert run.titles == [
        f"CONNECT 127.0.0.1:{mail.server.port}",
        "EHLO",
        "SEND to ada@example.com: Grüße ✓",
        "QUIT",
    ]
    assert run.replies == [[220], [250], [250, 250, 354, 250], [221]]


def test_several_mails_over_one_connection(mail: Runs) -> None:
    async def app(mail: Runs) -> Any:
        client = client_of(mail)
        seen: list[Any] = [await client.connect(), features(client)]
        seen += [
            await client.sendmail("a@example.com", "b@example.com", f"Subject: {at}\n\n.") for at in "12"
        ]
        seen += await asyncio.gather(
            *(client.sendmail("a@example.com", [f"{at}@example.com"], b"x") for at in range(3))
        )
        return [*seen, features(client), await client.quit(), features(client)]

    run = mail(app)
    assert sorted(run.titles[2:]) == [
        "QUIT",
        *(f"SEND to {at}@example.com" for at in range(3)),
        "SEND to b@example.com: 1",
        "SEND to b@example.com: 2",
    ]


def test_command_by_command(mail: Runs) -> None:
    async def app(mail: Runs) -> Any:
        async with client_of(mail) as client:
            seen: list[Any] = [
                await client.helo(),
                await client.ehlo(),
                await client.noop(),
                await client.help(),
            ]
            seen += [await client.vrfy("ada@example.com"), await attempt_async(client.expn("all"))]
            seen += [await client.mail("a@example.com", options=["size=17"]), await client.rset()]
            seen += [await client.mail("a@example.com"), await client.rcpt("b@example.com")]
            seen += [await attempt_async(client.rcpt("refused@example.com"))]
            seen += [
                await client.data("Subject: by hand\n\n.x"),
                await client.execute_command(b"HELP", b"MAIL"),
            ]
            return seen

    run = mail(app)
    assert run.titles[1:] == [
        *("HELO", "EHLO", "NOOP", "HELP", "VRFY ada@example.com", "EXPN all"),
        *("MAIL FROM:<a@example.com> size=17", "RSET"),
        *("MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "RCPT TO:<refused@example.com>"),
        *("DATA by hand", "HELP MAIL", "QUIT"),
    ]


def test_what_the_server_refuses(mail: Runs) -> None:
    async def app(mail: Runs) -> Any:
        to = ["a@example.com", "refused@example.com", "later@example.com"]
        async with client_of(mail) as client:
            return [
                await client.sendmail("s@example.com", to, "x"),
                await attempt_async(client.sendmail("s@example.com", to[1:], "x")),
                await attempt_async(client.sendmail("refused@example.com", to, "x")),
                await attempt_async(client.sendmail("s@example.com", to, "spam")),
                await attempt_async(client.sendmail("s@example.com", to, "ü")),
                await client.sendmail("s@example.com", to[:1], "x"),
            ]

    run = mail(app)
    assert [error[0] for error in run.seen[1:4]] == [
        aiosmtplib.SMTPRecipientsRefused,
        aiosmtplib.SMTPSenderRefused,
        aiosmtplib.SMTPDataError,
    ]


def test_the_server_closes(mail: Runs) -> None:
    async def app(mail: Runs) -> Any:
        seen = []
        for sender, to, text in (
            ("closing@example.com", "a@example.com", "x"),
            ("a@example.com", "closing@example.com", "x"),
            ("a@example.com", "b@example.com", "hang up"),
        ):
            client = client_of(mail)
            await client.connect()
            seen += [await attempt_async(client.sendmail(sender, [to], text)), features(client)]
            seen += [await attempt_async(client.noop())]
        return seen

    mail(app)


def test_nothing_answers(mail: Runs, full_house: FullHouse) -> None:
    port = int(full_house.url.rpartition(":")[2])

    async def app(mail: Runs) -> Any:
        client = client_of(mail, timeout=0.5)
        await client.connect()
        return [
            await attempt_async(aiosmtplib.SMTP(hostname="127.0.0.1", port=1).connect()),
            await attempt_async(aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=0.1).connect()),
            await attempt_async(aiosmtplib.SMTP(hostname="127.0.0.1").noop()),
            await attempt_async(client.sendmail("a@example.com", ["b@example.com"], "never")),
            features(client),
        ]

    run = mail(app)
    assert [error[0] for error in run.seen[:4]] == [
        aiosmtplib.SMTPConnectError,
        aiosmtplib.SMTPConnectTimeoutError,
        aiosmtplib.SMTPServerDisconnected,
        aiosmtplib.SMTPReadTimeoutError,
    ]


def test_tls(mail: Runs) -> None:
    async def app(mail: Runs) -> Any:
        host, port = mail.address
        seen = []
        kinds: list[dict[str, Any]] = [
            {"port": port, "tls_context": mail.context},
            {"port": port, "tls_context": mail.context, "start_tls": True},
            {"port": mail.server.tls_port, "tls_context": mail.context, "use_tls": True},
        ]
        for settings in kinds:
            async with aiosmtplib.SMTP(hostname=host, **settings) as client:
                seen += [features(client), client.get_transport_info("sslcontext") is not None]
                seen += [await client.send_message(letter()), await attempt_async(client.starttls())]
        strict = ssl.create_default_context()
        untrusted = aiosmtplib.SMTP(hostname=host, port=port, tls_context=strict)
        seen += [(await attempt_async(untrusted.connect()))[:2], untrusted.is_connected]
        return seen

    run = mail(app)
    assert [title.split(" ")[0] for title in run.titles] == [
        *("CONNECT", "EHLO", "STARTTLS", "EHLO", "SEND", "QUIT"),
        *("CONNECT", "EHLO", "STARTTLS", "EHLO", "SEND", "QUIT"),
        *("CONNECT", "EHLO", "SEND", "QUIT"),
        *("CONNECT", "EHLO", "STARTTLS"),
    ]


def test_signing_in(mail: Runs) -> None:
    async def signed_in(mail: Runs) -> Any:
        async with client_of(mail, username=USER, password=PASSWORD) as client:
            seen: list[Any] = [await client.noop()]
        async with client_of(mail) as client:
            seen += [await client.ehlo(), await attempt_async(client.login(USER, "wrong"))]
            seen += [await attempt_async(client.auth_crammd5(USER, PASSWORD))]
            seen += [await attempt_async(client.auth_xoauth2(USER, "token-0123456789"))]
        async with client_of(mail) as client:
            seen += [await client.ehlo(), await client.auth_login(USER, PASSWORD)]
        async with client_of(mail) as client:
            seen += [await client.ehlo(), await client.execute_command(b"AUTH", b"LOGIN")]
            seen += [await client.execute_command(b"YWRh")]
            seen += [await client.execute_command(b"Y29ycmVjdC1Ib3JzZS03YmF0dGVyeQ==")]
        return seen

    run = mail(signed_in)
    written = repr(run.calls)
    for secret in (
        PASSWORD,
        "Y29ycmVjdC1Ib3Jz",
        "<1896.697170952",
        "PDE4OTYu",
        "token-0123456789",
        "dXNlcj1",
    ):
        assert secret not in written


def test_a_connection_that_is_older_than_the_recording(mail: Runs) -> None:
    async def record() -> Any:
        async with client_of(mail) as client:
            await client.ehlo()
            with using(RecordingPort()) as recording:
                await client.send_message(letter())
        return recording.calls

    calls = asyncio.run(record())

    async def replay() -> None:
        with using(ReplayPort(calls)):
            async with client_of(mail, username=USER, password="whatever") as client:
                assert (await client.send_message(letter())) == ({}, "2.0.0 queued")
        with using(ReplayPort([])), pytest.raises(MissError, match="no recorded call answers CONNECT"):
            await client_of(mail).connect()

    mail.server.stop()
    try:
        asyncio.run(replay())
    finally:
        mail.server.start()


def test_a_client_made_before_the_replay_reaches_nobody(mail: Runs) -> None:
    async def app() -> None:
        async with client_of(mail) as client:
            with using(RecordingPort()) as recording:
                await client.sendmail("a@example.com", ["b@example.com"], "once")
            with using(ReplayPort(recording.calls)):
                client.last_helo_response = None
                await client.sendmail("a@example.com", ["b@example.com"], "once")
            assert len(mail.server.mails) == 1
            assert await client.noop() == (250, "OK")

    asyncio.run(app())


def test_a_mail_that_is_cancelled_waits_to_be_cancelled(mail: Runs) -> None:
    async def cancelled(sent: Callable[[float], Any]) -> Any:
        async with client_of(mail) as client:
            sending = asyncio.create_task(client.sendmail("a@example.com", ["b@example.com"], "never"))
            assert await asyncio.to_thread(sent, 60)
            sending.cancel()
            (raised,) = await asyncio.gather(sending, return_exceptions=True)
            client.close()
        return type(raised)

    class Waiting(ReplayPort):
        async def await_cancellation(self, title: str) -> None:
            waits.set()
            await asyncio.sleep(60)

    with using(RecordingPort()) as recording:
        assert asyncio.run(cancelled(mail.server.held.wait)) is asyncio.CancelledError
    waits = threading.Event()
    with using(Waiting(recording.calls)):
        assert asyncio.run(cancelled(waits.wait)) is asyncio.CancelledError
