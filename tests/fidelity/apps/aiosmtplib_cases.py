"""aiosmtplib: mails, and commands one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import aiosmtplib

from tests.fidelity.apps.case import Cases
from tests.fidelity.apps.mails import HOST, PASSWORD, USER, context, letter, ports, raised
from tests.fidelity.apps.seen import seen

CASES = Cases("aiosmtplib", "aiosmtplib")


def client_of(**settings: Any) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(hostname=HOST, **{"port": ports()[0], "start_tls": False, **settings})


async def attempt(call: Awaitable[Any]) -> Any:
    try:
        return seen(await call)
    except aiosmtplib.SMTPException as error:
        return raised(error)


@CASES("`send`: a message, signed in, `STARTTLS` where the server has it")
async def send() -> Any:
    return seen(
        await aiosmtplib.send(
            letter("send"),
            hostname=HOST,
            port=ports()[0],
            tls_context=context(),
            username=USER,
            password=PASSWORD,
        )
    )


@CASES("`send_message` and `sendmail` over one connection, with TLS from the start")
async def several() -> Any:
    async with client_of(port=ports()[1], use_tls=True, start_tls=None, tls_context=context()) as client:
        first = await client.send_message(letter("first"))
        second = await client.sendmail("a@example.com", ["b@example.com"], "Subject: second\n\n.x")
        return seen([first, second, sorted(client.esmtp_extensions.items()), await client.quit()])


@CASES("`sendmail` of one client in several tasks at once")
async def at_once() -> Any:
    async with client_of() as client:
        return seen(
            await asyncio.gather(
                *(client.sendmail("a@example.com", [f"{number}@example.com"], "x") for number in range(4))
            )
        )


@CASES("recipients, a sender and a mail are refused")
async def refused() -> Any:
    to = ["ada@example.com", "refused@example.com", "later@example.com"]
    async with client_of() as client:
        return [
            await attempt(client.sendmail("shop@example.com", to, "x")),
            await attempt(client.sendmail("shop@example.com", to[1:], "x")),
            await attempt(client.sendmail("refused@example.com", to, "x")),
            await attempt(client.sendmail("shop@example.com", to, "spam")),
        ]


@CASES("`login`, with a right and a wrong password")
async def login() -> Any:
    found = []
    for password in (PASSWORD, "wrong"):
        async with client_of() as client:
            found.append(await attempt(client.login(USER, password)))
    return found


@CASES("the server closes the connection; nothing listens; no answer in time")
async def closed() -> Any:
    client, late = client_of(), client_of(timeout=1)
    await client.connect()
    await late.connect()
    return [
        await attempt(client.sendmail("a@example.com", ["b@example.com"], "hang up")),
        client.is_connected,
        await attempt(client_of(port=1).connect()),
        await attempt(late.sendmail("a@example.com", ["b@example.com"], "never")),
    ]


@CASES("commands by themselves")
async def commands() -> Any:
    async with client_of() as client:
        said: list[Any] = [await client.ehlo(), await client.mail("a@example.com")]
        said += [await client.rcpt("b@example.com"), await client.data("x"), await client.rset()]
        return seen([*said, await client.vrfy("ada@example.com"), await client.execute_command(b"HELP")])
