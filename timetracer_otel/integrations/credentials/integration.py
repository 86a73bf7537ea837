"""Where libraries say whether a credential is good."""

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
