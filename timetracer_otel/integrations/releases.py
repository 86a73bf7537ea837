"""Whether the installed release of a library is one that is known: what is older is left alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

logger = logging.getLogger("timetracer_otel")

_said: set[str] = set()


def too_old(oldest: Iterable[str]) -> bool:
    """True where a library is installed, but in no release that is known; said once a process.

    Args:
        oldest: what brings the library, each with the first release of it that is known: ``httpx>=0.26``.
    """
    from packaging.requirements import Requirement
    from packaging.version import InvalidVersion, Version

    found = [
        (requirement, release)
        for requirement in map(Requirement, oldest)
        if (release := _installed(requirement.name)) is not None
    ]
    try:
        known = [one for one, release in found if one.specifier.contains(Version(release), prereleases=True)]
    except InvalidVersion:
        return False  # a build of somebody's own
    if known or not found:
        return False
    requirement, release = found[0]
    if requirement.name not in _said:
        _said.add(requirement.name)
        logger.warning(
            "timetracer-otel: %s %s is older than what is known (%s): it is neither recorded nor replayed,"
            " only what is below it (the app is not affected; said once); install '%s'",
            *(requirement.name, release, requirement.specifier, requirement),
        )
    return True


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
