"""Headers given as options."""

from __future__ import annotations

import click


def headers_given(
    ctx: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """``'Name: value'`` as name and value, for an option that may be repeated.

    Raises:
        BadParameter: it is no header.
    """
    headers = []
    for text in given:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"{text!r} is no header; give it as 'Name: value'")
        headers.append((name.strip(), value.strip()))
    return tuple(headers)
