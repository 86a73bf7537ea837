"""Checks of credentials: passwords against hashes, tokens and cookies against keys.

What is checked is masked in a recording, so in a replay every check would fail, and with it the request.
What a check came to is noted while recording, as the values are that cannot repeat. In a replay a check that
is given a mask comes to the same; one that is given a credential is made.
"""

from __future__ import annotations

from collections.abc import Sequence

from timetracer_otel.integrations.base import Point, Wrappable
from timetracer_otel.integrations.credentials import forms, passwords, tokens


class CredentialsIntegration(Wrappable):
    """What libraries say of passwords, tokens, signed cookies and the tokens of forms."""

    name = "credentials"

    def points(self) -> Sequence[Point]:
        """Where each library says whether a credential is good, and what it says."""
        return (*passwords.points(), *tokens.points(), *forms.points())
