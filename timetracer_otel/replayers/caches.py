"""What caches of a process make of a replay: a call that the recording spared itself and this run makes, and
the reverse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from timetracer_otel.messages import Answer, Failure, Request
from timetracer_otel.redaction import holds_mask
from timetracer_otel.redaction.digests import digests_of_mask
from timetracer_otel.replayers import cookies
from timetracer_otel.replayers.cacheable import cacheable
from timetracer_otel.replayers.elsewhere import Found
from timetracer_otel.replayers.explaining import drawn_anew, explain

if TYPE_CHECKING:
    from timetracer_otel.replayers.session import Session

_OR_NEW: Final = ". If the code asks this anew, record again"


def found_elsewhere(session: Session, request: Request) -> Found | None:
    """The call of another cassette that asked this, where the one that is replayed never did.

    Args:
        session: a replay of one cassette.
        request: what nothing in it answers.
    """
    if session.elsewhere is None or len(session.cassettes) != 1:
        return None
    forms = session.matcher.forms(request)
    if any(session.matcher.was_asked(form) for form in forms):
        return None  # it is asked more often than it was: no cache is why
    return session.elsewhere.find(forms, session.cassettes[0])


class Given(NamedTuple):
    """An answer out of another cassette.

    Attributes:
        name: of the cassette.
        answer: read anew.
    """

    name: str
    answer: Answer | Failure


def answered_elsewhere(session: Session, request: Request) -> Given | None:
    """What another cassette was answered, to be given here; ``None`` where that could be wrong: of another
    process, from later, of what is no plain read, or asked with a secret of which only the mask is known.

    Args:
        session: a replay of one cassette.
        request: what nothing in it answers.
    """
    found = found_elsewhere(session, request) if cacheable(request) else None
    answer = found.call.fresh_answer() if found is not None and _answers(found) else None
    if found is None or answer is None:
        return None
    cookies.note(answer)
    return Given(found.name, answer)


def _answers(found: Found) -> bool:
    """True where that call can have filled a cache, and for this: the secrets of two users are one mask."""
    asked = "" if found.call.request is None else repr(found.call.request.canonical())
    masked = holds_mask(asked) or any(digest in asked for digest in digests_of_mask())
    return found.same_process and not (masked and found.times > 1)


def why_missed(session: Session, request: Request, names: str) -> tuple[str, str]:
    """What is said of a call that nothing recorded answers, and, shorter, of another cassette that asked it.

    Args:
        session: a replay.
        request: what nothing answers.
        names: of what is replayed.
    """
    found, nearest = found_elsewhere(session, request), session.matcher.nearest(request)
    # an id that another process drew is in its calls, and no cache
    if found is None or (not found.same_process and drawn_anew(nearest)):
        return explain(request, nearest, names, session.cassettes), ""
    way = ": TIMETRACER_ON_MISS=elsewhere answers from there"
    way *= _answers(found) and cacheable(request)
    shorter = f"{found.name}; a cache may have been warm while recording{way}"
    return explain_cache(request, found, names), shorter


def explain_cache(request: Request, found: Found, names: str) -> str:
    """What a miss says where another cassette asked the same.

    Args:
        request: what nothing answers.
        found: the call that asked the same.
        names: of what is replayed.
    """
    title = request.title()[:300]
    if not found.same_process:
        return (
            f"{title}: not asked in {names}, but in {found.name}, recorded in another process or later: a"
            " cache may have held the answer here. Record both again in a process that has just started, or"
            f" have the app ask this as it starts: what is recorded then answers every request{_OR_NEW}"
        )
    if found.times == 1:
        why = "once it was answered, a cache of that process most likely held it"
    else:
        why = f"a cache may have held it, though {found.times} recordings of that process asked it"
    if not cacheable(request):
        return (
            f"{title}: not asked in {names}, but before in {found.name}; {why}. It is no plain read, so it is"
            " answered only where it was recorded: have the app ask this as it starts (what is recorded then"
            f" answers every request), or record again in a process that has just started{_OR_NEW}"
        )
    if not _answers(found):
        return (
            f"{title}: not asked in {names}, but before in {found.name}; {why}. It asks with a secret, which"
            " is masked, and so may be another's. Replay both in one process, in that order, or record again"
            f" in a process that has just started{_OR_NEW}"
        )
    return (
        f"{title}: not asked in {names}, but before in {found.name}; {why}. Replay both in one process, in"
        f" that order, or answer it from there: TIMETRACER_ON_MISS=elsewhere{_OR_NEW}"
    )


def held_by_caches(session: Session) -> dict[int, str]:
    """The recorded reads that did not come again as the process most likely holds their answers: by ``id`` of
    the call, the request of this run that asked them before.

    Only those that were new to the process when they were recorded. One that it had asked before, and asked
    again, was in no cache, and whoever does not ask it any more was changed.

    Args:
        session: a replay of one cassette.
    """
    elsewhere, asker = session.elsewhere, session.asker
    if elsewhere is None or asker is None or len(session.cassettes) != 1:
        return {}
    found: dict[int, str] = {}
    for call in session.matcher.unused():
        request = call.request
        if request is None or not cacheable(request):
            continue
        before = elsewhere.asked_by_another(request, asker)
        if before is not None and elsewhere.asked_before(call, session.cassettes[0]) is False:
            found[id(call)] = before
    return found
