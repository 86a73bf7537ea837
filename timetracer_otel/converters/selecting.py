"""Which cassettes of a conversion are wanted."""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

from timetracer_otel.cassette import Cassette


class Selection(msgspec.Struct, frozen=True):
    """What a cassette must be.

    Attributes:
        services: of one of these services; globs.
        endpoints: of one of these endpoints, as ``POST /checkout`` or only ``/checkout``; globs.
        errors: something in it failed.
        min_duration: nanoseconds that its request took at least.
        since: begun at that moment or later, in nanoseconds since the epoch.
        until: begun before that moment.
    """

    services: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    errors: bool = False
    min_duration: int = 0
    since: int = 0
    until: int = 2**64

    def wants(self, entry: Cassette, *, failed: bool) -> bool:
        """Whether a cassette is wanted.

        Args:
            entry: at least its entry span.
            failed: a span of it failed.
        """
        if entry.duration < self.min_duration or not self.since <= entry.started < self.until:
            return False
        if self.errors and not (failed or entry.has_error):
            return False
        service = str(entry.resource.attributes.get("service.name", ""))
        if self.services and not any(fnmatchcase(service, wanted) for wanted in self.services):
            return False
        return not self.endpoints or _is_one_of(entry.title, self.endpoints)


def _is_one_of(title: str, endpoints: tuple[str, ...]) -> bool:
    path = title.partition(" ")[2] or title
    return any(fnmatchcase(title, wanted) or fnmatchcase(path, wanted) for wanted in endpoints)
