"""smtplib: unwatched, recorded and replayed, an app sees the same."""

from __future__ import annotations

import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

import pytest

from tests.integrations.ports import RecordingPort, ReplayPort, using
from tests.integrations.smtp.runs import Runs, attempt, letter
from tests.services.full_house import FullHouse
from tests.services.mail import PASSWORD, USER
from timetracer_otel.errors import MissError, ReplayError
from timetracer_otel.messages import MailCommand, mime


def features(client: smtplib.SMTP) -> Any:
    """What an app reads of a client."""
    shown = [client.ehlo_resp, client.helo_resp, client.does_esmtp, sorted(client.esmtp_features.items())]
    return [*shown, client.has_extn("size"), client.has_extn("nothing"), client.sock is None]


def test_a_mail(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        with smtplib.SMTP(*mail.address) as client:
            before = features(client)
            sent = client.send_message(letter(Date=formatdate(), Message_ID=make_msgid()))
            after = features(client)
        return [before, sent, after, features(client)]

    run = mail(app)
    assert run.titles == [
        f"CONNECT 127.0.0.1:{mail.server.port}",
        "EHLO",
        "SEND to ada@example.com: Grüße ✓",
        "QUIT",
    ]
    assert run.replies == [[220], [250], [250, 250, 354, 250], [221]]
    assert [call.writes for call in run.asked] == [False, False, True, False]


def test_several_mails_over_one_connection(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        client = smtplib.SMTP()
        seen: list[Any] = [client.connect(*mail.address), client.ehlo("here.example.com")]
        for number in range(3):
            text = f"Subject: {number}\nTo: everybody\n\n.\n..dots\nlast"
            seen.append(client.sendmail("shop@example.com", [f"{number}@example.com", "b@example.com"], text))
        seen.append(client.sendmail("shop@example.com", "c@example.com", b"Subject: bytes\r\n\r\n\xff\r\n"))
        return [*seen, client.noop(), client.quit(), features(client)]

    run = mail(app)
    assert run.titles[2:] == [
        *(f"SEND to {number}@example.com, b@example.com: {number}" for number in range(3)),
        "SEND to c@example.com: bytes",
        "NOOP",
        "QUIT",
    ]


def test_command_by_command(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        with smtplib.SMTP(*mail.address) as client:
            seen: list[Any] = [
                client.helo(),
                client.ehlo(),
                client.noop(),
                client.vrfy("Ada <ada@example.com>"),
            ]
            seen += [client.verify("b@example.com"), client.expn("all"), client.docmd("HELP", "MAIL")]
            seen += [client.help(), client.mail("shop@example.com", ["size=17"]), client.rset()]
            seen += [client.mail("shop@example.com"), client.rcpt("ada@example.com")]
            seen += [client.rcpt("refused@example.com"), client.data("Subject: by hand\n\n.hidden\n")]
            client.putcmd("NOOP")
            client.putcmd("RSET")
            seen += [client.getreply(), client.getreply()]
            seen += [client.docmd("MAIL FROM:<a@b.c>"), client.docmd("RCPT TO:<d@e.f>"), client.docmd("DATA")]
            client.send(b"Subject: raw\r\n\r\n..x\r\n.\r\n")
            return [*seen, client.getreply(), client.docmd("nonsense")]

    run = mail(app)
    assert run.titles[1:] == [
        "HELO", "EHLO", "NOOP", "VRFY ada@example.com", "VRFY b@example.com", "EXPN all", "HELP MAIL", "HELP",
        "MAIL FROM:<shop@example.com> size=17", "RSET", "MAIL FROM:<shop@example.com>",
        "RCPT TO:<ada@example.com>", "RCPT TO:<refused@example.com>", "DATA by hand", "NOOP", "RSET",
        "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA", "DATA raw", "NONSENSE", "QUIT",
    ]  # fmt: skip


def test_what_the_server_refuses(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        text = "Subject: x\n\ny"
        with smtplib.SMTP(*mail.address) as client:
            to = ["a@example.com", "refused@example.com", "later@example.com"]
            seen = [client.sendmail("shop@example.com", to, text)]
            seen.append(attempt(lambda: client.sendmail("shop@example.com", to[1:], text)))
            seen.append(attempt(lambda: client.sendmail("refused@example.com", to, text)))
            seen.append(attempt(lambda: client.sendmail("shop@example.com", to, text + " spam")))
            seen.append(client.sendmail("shop@example.com", to[:1], text))
        return seen

    run = mail(app)
    assert run.replies[2:-1] == [
        [250, 250, 550, 451, 354, 250],
        [250, 550, 451, 250],
        [550, 250],
        [250, 250, 550, 451, 354, 554, 250],
        [250, 250, 354, 250],
    ]
    assert [error[0] for error in run.seen[1:4]] == [
        smtplib.SMTPRecipientsRefused,
        smtplib.SMTPSenderRefused,
        smtplib.SMTPDataError,
    ]


def test_the_server_closes(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        seen = []
        for sender, to, text in (
            ("closing@example.com", "a@example.com", "x"),
            ("a@example.com", "closing@example.com", "x"),
            ("a@example.com", "b@example.com", "hang up"),
        ):
            client = smtplib.SMTP(*mail.address)
            seen += [attempt(lambda: client.sendmail(sender, [to], text)), features(client)]  # noqa: B023  # called here
            seen += [attempt(client.noop), attempt(client.quit)]
        return seen

    run = mail(app)
    assert run.seen[0][0] is smtplib.SMTPSenderRefused
    assert run.seen[4][0] is smtplib.SMTPRecipientsRefused
    assert run.seen[8][:2] == [
        smtplib.SMTPServerDisconnected,
        "Connection unexpectedly closed",
    ]


def test_nothing_answers(mail: Runs, full_house: FullHouse) -> None:
    _, _, port = full_house.url.rpartition(":")

    def app(mail: Runs) -> Any:
        seen = [attempt(lambda: smtplib.SMTP("127.0.0.1", 1)), attempt(lambda: smtplib.SMTP().noop())]
        seen.append(attempt(lambda: smtplib.SMTP(f"127.0.0.1:{port}", timeout=0.1)))
        client = smtplib.SMTP(*mail.address, timeout=0.5)
        seen.append(attempt(lambda: client.sendmail("a@example.com", ["b@example.com"], "never")))
        return [*seen, features(client)]

    run = mail(app)
    assert [error[0] for error in run.seen[:4]] == [
        ConnectionRefusedError,
        smtplib.SMTPServerDisconnected,
        TimeoutError,
        smtplib.SMTPServerDisconnected,
    ]
    assert run.titles == [
        "CONNECT 127.0.0.1:1",
        f"CONNECT 127.0.0.1:{port}",
        f"CONNECT 127.0.0.1:{mail.server.port}",
        "EHLO",
        "SEND to b@example.com",
    ]


def test_tls(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        with smtplib.SMTP(*mail.address) as client:
            before = [
                client.ehlo(),
                client.sock.version() if isinstance(client.sock, ssl.SSLSocket) else None,
            ]
            seen = [before, client.starttls(context=mail.context), features(client)]
            seen += [client.sock.version(), client.sock.cipher()[1]]  # type: ignore[union-attr]  # TLS's
            seen += [client.send_message(letter()), attempt(client.starttls)]
        with smtplib.SMTP_SSL("127.0.0.1", mail.server.tls_port, context=mail.context) as client:
            seen += [client.sock.version(), client.send_message(letter("over TLS"))]  # type: ignore[union-attr]  # as above
        untrusted = smtplib.SMTP(*mail.address)
        seen += [attempt(lambda: untrusted.starttls(context=ssl.create_default_context()))[:2]]
        seen += [attempt(untrusted.noop)[:2]]
        seen += [
            attempt(
                lambda: smtplib.SMTP_SSL(
                    "127.0.0.1", mail.server.tls_port, context=ssl.create_default_context()
                )
            )[:2]
        ]
        return seen

    run = mail(app)
    assert [title.split(" ")[0] for title in run.titles] == [
        *("CONNECT", "EHLO", "STARTTLS", "EHLO", "SEND", "QUIT"),
        *("CONNECT", "EHLO", "SEND", "QUIT"),
        *("CONNECT", "EHLO", "STARTTLS", "NOOP", "CONNECT"),
    ]


def test_signing_in(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        seen = []
        for mechanism in ("CRAM-MD5", "PLAIN", "LOGIN"):
            for password in (PASSWORD, "wrong"):
                with smtplib.SMTP(*mail.address) as client:
                    client.ehlo()
                    client.esmtp_features["auth"] = mechanism
                    seen.append(attempt(lambda: client.login(USER, password)))  # noqa: B023  # called here
        with smtplib.SMTP(*mail.address) as client:
            client.ehlo()
            client.user, client.password = USER, PASSWORD
            seen.append(client.auth("LOGIN", client.auth_login, initial_response_ok=False))
        with smtplib.SMTP(*mail.address) as client:
            client.ehlo()
            seen.append(client.docmd("AUTH", "PLAIN AGFkYQBjb3JyZWN0LUhvcnNlLTdiYXR0ZXJ5"))
        with smtplib.SMTP(*mail.address) as client:
            client.ehlo()
            seen.append(client.docmd("AUTH LOGIN"))
            seen.append(client.docmd("YWRh"))
            seen.append(client.docmd("Y29ycmVjdC1Ib3JzZS03YmF0dGVyeQ=="))
        return seen

    run = mail(app)
    assert [title for title in run.titles if title.startswith("AUTH")] == [
        *("AUTH CRAM-MD5", "AUTH CRAM-MD5", "AUTH PLAIN", "AUTH PLAIN", "AUTH LOGIN", "AUTH LOGIN"),
        *("AUTH LOGIN", "AUTH PLAIN", "AUTH LOGIN", "AUTH (response)", "AUTH (response)"),
    ]
    written = repr(run.calls)
    for secret in (PASSWORD, "Y29ycmVjdC1Ib3Jz", "AGFkYQBj", "<1896.697170952", "PDE4OTYu"):
        assert secret not in written


def test_what_an_app_asks_to_sign_in_is_its_own(mail: Runs) -> None:
    class OwnError(Exception):
        """The app's own."""

    def app(mail: Runs) -> Any:
        def token(challenge: bytes | None = None) -> str:
            with smtplib.SMTP(*mail.address) as other:
                asked.append(other.noop())
            return f"\0{USER}\0{PASSWORD}"

        def fail(challenge: bytes | None = None) -> str:
            raise OwnError(challenge)

        asked: list[Any] = []
        with smtplib.SMTP(*mail.address) as client:
            client.ehlo()
            seen = [attempt(lambda: client.auth("PLAIN", fail))[0].__name__]
            return [*seen, client.auth("PLAIN", token), asked]

    run = mail(app)
    assert run.seen[0] == "OwnError"
    assert [title.split(" ")[0] for title in run.titles] == [
        *("CONNECT", "EHLO", "AUTH", "AUTH", "CONNECT", "NOOP", "QUIT", "QUIT"),
    ]


def test_what_the_library_refuses_itself(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        with smtplib.SMTP(*mail.address) as client:
            seen = [
                attempt(lambda: client.docmd("NOOP\r\nQUIT")),
                attempt(lambda: client.sendmail("a@b.c", ["d@e.f"], "ü")),
            ]
            seen.append(attempt(lambda: client.sendmail("a@b.c", ["d@e.f\nRCPT TO:<g@h.i>"], "x")))
            seen.append(attempt(lambda: client.send_message(EmailMessage())))
            return [*seen, client.noop()]

    mail(app)


def test_addresses_and_subjects_beyond_ascii(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        with smtplib.SMTP(*mail.address) as client:
            return client.send_message(letter(to="jürgen@example.com"))

    assert mail(app).titles[-2] == "SEND to jürgen@example.com: Grüße ✓"


def test_what_can_be_read_once_is_sent(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        options = (one for one in ["body=8bitmime"])
        with smtplib.SMTP(*mail.address) as client:
            return client.sendmail(
                "a@example.com",
                ["b@example.com"],
                "x",
                mail_options=options,  # type: ignore[arg-type]  # smtplib reads it once
            )

    assert mail(app).asked[2].options == ["body=8bitmime"]


def test_a_mail_over_the_limit_is_a_gap(mail: Runs) -> None:
    def app(mail: Runs) -> Any:
        with smtplib.SMTP(*mail.address) as client:
            return client.sendmail("a@example.com", ["b@example.com"], "Subject: long\n\n" + "x\n" * 1000)

    with using(RecordingPort(body_limit=1000)) as recording:
        app(mail)
    sent = recording.calls[2]
    asked = sent.asked
    assert isinstance(asked, MailCommand)
    assert asked == MailCommand(
        "SEND",
        sender="a@example.com",
        recipients=["b@example.com"],
        message=None,
        server=f"127.0.0.1:{mail.server.port}",
        extensions=asked.extensions,
    )
    assert sent.gaps == [("body over limit", "message of SEND to b@example.com: long: 3017 bytes")]


def test_a_connection_that_is_older_than_the_recording(mail: Runs) -> None:
    client = smtplib.SMTP(*mail.address)
    client.starttls(context=mail.context)
    client.login(USER, PASSWORD)
    with using(RecordingPort()) as recording:
        client.send_message(letter())
    client.quit()
    mail.server.stop()
    try:
        with using(ReplayPort(recording.calls)):
            again = smtplib.SMTP(*mail.address)
            again.starttls(context=mail.context)
            again.login(USER, "whatever")
            assert again.send_message(letter()) == {}
            assert again.has_extn("size")
            assert again.quit() == (221, b"bye")
        with using(ReplayPort([])), pytest.raises(MissError, match="no recorded call answers CONNECT"):
            smtplib.SMTP(*mail.address)
    finally:
        mail.server.start()


def test_a_client_made_before_the_replay_reaches_nobody(mail: Runs) -> None:
    client = smtplib.SMTP(*mail.address)
    with using(RecordingPort()) as recording:
        client.sendmail("a@example.com", ["b@example.com"], "once")
    with using(ReplayPort(recording.calls)):
        assert client.ehlo_resp is not None
        assert client.sendmail("a@example.com", ["b@example.com"], "once") == {}
        assert not isinstance(client.sock, socket.socket)
    assert len(mail.server.mails) == 1
    assert client.noop() == (250, b"OK")
    client.quit()


def test_more_than_was_recorded_is_an_error(mail: Runs) -> None:
    with using(RecordingPort()) as recording, smtplib.SMTP(*mail.address) as client:
        client.sendmail("a@example.com", ["b@example.com"], "x")
    recording.calls[2].answer = '{"timetracer.smtp.reply": "[[250, \\"OK\\"]]"}'
    with using(ReplayPort(recording.calls)):
        client = smtplib.SMTP(*mail.address)
        with pytest.raises(ReplayError, match="the server's replies are used up"):
            client.sendmail("a@example.com", ["b@example.com"], "x")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({}, {}, True),
        ({}, {"text": "Good evening"}, False),
        ({}, {"to": "bob@example.com"}, False),
        ({"Date": formatdate(0)}, {"Date": formatdate(86400)}, True),
        ({"Message_ID": make_msgid()}, {"Message_ID": make_msgid(domain="other.example.com")}, True),
        ({"Message_ID": "<order-1@shop>"}, {"Message_ID": "<order-2@shop>"}, False),
        ({"X_Shop": "rome"}, {"X_Shop": "oslo"}, False),
    ],
)
def test_what_is_matched(one: dict[str, str], other: dict[str, str], equal: bool) -> None:
    left, right = letter(**one), letter(**other)
    for message in (left, right):
        message.add_alternative("<p>Good morning</p>", subtype="html")  # boundaries are random
        message.add_attachment(b"\x00\x01", maintype="image", subtype="png", filename="a.png")
    assert left.as_bytes() != right.as_bytes()
    assert (mime.canonical(left.as_bytes()) == mime.canonical(right.as_bytes())) is equal
