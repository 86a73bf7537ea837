"""Which other cassette says what one lacks, and for which calls that may be said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replaying.recorded import CALLERS, Made, cassette, get, redis, sql
from timetracer_otel import config
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import MissError
from timetracer_otel.messages import Failure, HttpRequest, HttpResponse, MongoCommand, Request, SqlStatement
from timetracer_otel.redaction.digests import digests
from timetracer_otel.replayers.cacheable import cacheable
from timetracer_otel.replayers.elsewhere import Elsewhere
from timetracer_otel.replayers.session import Session

SECOND = 1_000_000_000
ELSEWHERE = config.load({}, on_miss="elsewhere")


def of_process(instance: str, second: int, *made: Made) -> Cassette:
    """A request of that process which takes a tenth of a second; so long after the first."""
    began = second * SECOND
    found = cassette(*made, trace=f"{began:032x}", started=began)
    found.resource.attributes["service.instance.id"] = instance
    found.entry.end_time_unix_nano = began + SECOND // 10
    for call in found.calls():
        call.span.end_time_unix_nano = call.span.start_time_unix_nano + 10
    return found


def stored(folder: Path, **cassettes: Cassette) -> Elsewhere:
    for name, one in cassettes.items():
        (folder / f"{name}.json").write_bytes(one.dump())
    return Elsewhere([folder])


def ask(session: Session, made: Made) -> object:
    """What a call is answered."""
    return session.begin(CALLERS[made.request.family], made.request).recorded


def test_the_last_before_answers(tmp_path: Path) -> None:
    replayed = of_process("one", 5)
    elsewhere = stored(
        tmp_path,
        first=of_process("one", 1, get("/keys", b"old")),
        second=of_process("one", 2, get("/keys", b"new")),
        later=of_process("one", 6, get("/keys", b"later")),
        of_another=of_process("two", 4, get("/keys", b"of another")),
        replayed=replayed,
    )
    session = Session([replayed], ELSEWHERE, elsewhere=elsewhere)

    assert ask(session, get("/keys")) == HttpResponse(200, [], b"new")

    (call,) = session.calls
    assert (str(call.grade), call.elsewhere, call.recorded) == (
        "elsewhere", "POST /checkout/7 (second.json)", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("instance", "second"), [("one", 6), ("two", 4), ("", 4)], ids=["later", "of another", "of none known"]
)
def test_what_no_cache_can_have_held_is_named_and_not_given(
    tmp_path: Path, instance: str, second: int
) -> None:
    replayed = of_process("one", 5)
    other = of_process(instance, second, get("/keys"))
    session = Session([replayed], ELSEWHERE, elsewhere=stored(tmp_path, other=other, replayed=replayed))

    with pytest.raises(MissError, match=r"not asked in .*, but in .*\(other.json\), recorded in another"):
        ask(session, get("/keys"))


def test_what_is_asked_more_often_than_it_was_is_a_miss(tmp_path: Path) -> None:
    replayed = of_process("one", 5, get("/keys"))
    earlier = of_process("one", 4, get("/keys"))
    session = Session([replayed], ELSEWHERE, elsewhere=stored(tmp_path, earlier=earlier, replayed=replayed))
    ask(session, get("/keys"))

    with pytest.raises(MissError, match="it was recorded fewer times than it is now called"):
        ask(session, get("/keys"))


def test_another_parameter_is_another_call(tmp_path: Path) -> None:
    text = "SELECT id FROM django_content_type WHERE model = ?"
    replayed = of_process("one", 5)
    earlier = of_process("one", 4, sql(text, ["group"], [[3]]))
    session = Session([replayed], ELSEWHERE, elsewhere=stored(tmp_path, earlier=earlier, replayed=replayed))

    with pytest.raises(MissError, match="nothing like it was recorded"):
        ask(session, sql(text, ["user"]))


@pytest.mark.parametrize("key", ["[REDACTED]", digests("[REDACTED]")[0]], ids=["masked", "its digest"])
def test_of_two_that_asked_with_a_masked_secret_nobody_knows_whose_it_was(tmp_path: Path, key: str) -> None:
    ann = sql("SELECT name FROM users WHERE key = ?", [key], [["ann"]])
    bob = sql("SELECT name FROM users WHERE key = ?", [key], [["bob"]])
    replayed = of_process("one", 5)
    elsewhere = stored(tmp_path, ann=of_process("one", 3, ann), replayed=replayed)
    assert ask(Session([replayed], ELSEWHERE, elsewhere=elsewhere), ann) == ann.answer

    elsewhere = stored(tmp_path, bob=of_process("one", 4, bob))
    with pytest.raises(MissError, match="It asks with a secret, which is masked, and so may be another's"):
        ask(Session([replayed], ELSEWHERE, elsewhere=elsewhere), ann)


def test_a_failure_that_was_held_is_raised_again(tmp_path: Path) -> None:
    down = Made(HttpRequest("GET", "http://rates/keys"), Failure("httpx.ConnectError", ["refused"]))
    replayed, earlier = of_process("one", 5), of_process("one", 4, down)
    session = Session([replayed], ELSEWHERE, elsewhere=stored(tmp_path, earlier=earlier, replayed=replayed))

    assert ask(session, down) == down.answer


def test_an_app_that_goes_to_another_folder_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed = of_process("one", 5)
    stored(tmp_path, earlier=of_process("one", 4, get("/keys")), replayed=replayed)
    monkeypatch.chdir(tmp_path)
    session = Session([replayed], ELSEWHERE, elsewhere=Elsewhere(["replayed.json"]))
    monkeypatch.chdir("/")

    assert ask(session, get("/keys")) == HttpResponse(200, [], b"ok")


def test_files_that_are_no_cassettes_do_not_matter(tmp_path: Path) -> None:
    replayed = of_process("one", 5)
    elsewhere = stored(tmp_path, earlier=of_process("one", 4, get("/keys")), replayed=replayed)
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "cut.json").write_bytes(replayed.dump()[:100])

    assert ask(Session([replayed], ELSEWHERE, elsewhere=elsewhere), get("/keys")) is not None


def test_a_run_that_asked_already_need_not_ask_again(tmp_path: Path) -> None:
    first, second = of_process("one", 1, get("/keys")), of_process("two", 1, get("/keys"))
    elsewhere = stored(tmp_path, first=first, second=second)
    ask(Session([first], ELSEWHERE, elsewhere=elsewhere), get("/keys"))

    assert Session([second], ELSEWHERE, elsewhere=elsewhere).unused == []


def test_what_its_process_had_asked_before_was_in_no_cache(tmp_path: Path) -> None:
    first, second = of_process("one", 1, get("/keys")), of_process("one", 2, get("/keys"))
    elsewhere = stored(tmp_path, first=first, second=second)
    ask(Session([first], ELSEWHERE, elsewhere=elsewhere), get("/keys"))

    (unused,) = Session([second], ELSEWHERE, elsewhere=elsewhere).unused
    assert unused.request == get("/keys").request


def test_two_that_ask_at_the_same_time_both_fill_the_cache(tmp_path: Path) -> None:
    first, second = of_process("one", 1, get("/keys")), of_process("one", 1, get("/keys"))
    second.entry.trace_id = f"{7:032x}"
    for span in second.spans:
        span.trace_id = second.entry.trace_id
    elsewhere = stored(tmp_path, first=first, second=second)
    ask(Session([first], ELSEWHERE, elsewhere=elsewhere), get("/keys"))

    assert Session([second], ELSEWHERE, elsewhere=elsewhere).unused == []


def test_a_write_has_to_come_again(tmp_path: Path) -> None:
    made = redis("INCR", "visits", reply=1)
    first, second = of_process("one", 1, made), of_process("two", 1, made)
    elsewhere = stored(tmp_path, first=first, second=second)
    ask(Session([first], ELSEWHERE, elsewhere=elsewhere), made)

    assert len(Session([second], ELSEWHERE, elsewhere=elsewhere).unused) == 1


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("GET", "http://id/keys"),
        HttpRequest("HEAD", "http://id/keys"),
        SqlStatement("SELECT id FROM django_content_type WHERE model = ?", ["group"]),
        SqlStatement("select pg_catalog.version()"),
        SqlStatement("SHOW standard_conforming_strings"),
        redis("HGETALL", "settings").request,
        MongoCommand({"find": "settings", "filter": {}, "$db": "shop"}),
    ],
    ids=Request.title,
)
def test_a_plain_read_may_be_held(request_: Request) -> None:
    assert cacheable(request_)


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("POST", "http://id/token"),
        SqlStatement("INSERT INTO orders VALUES (?)", [1]),
        SqlStatement("SELECT nextval('orders')"),
        SqlStatement("SELECT id FROM orders FOR UPDATE SKIP LOCKED"),
        SqlStatement("SELECT now()"),
        SqlStatement("BEGIN"),
        SqlStatement("SELECT * FROM orders", step="fetch 50"),
        redis("INCR", "visits").request,
        redis("SRANDMEMBER", "words").request,
        redis("MULTI").request,
        MongoCommand({"insert": "orders", "documents": [{}], "$db": "shop"}),
        MongoCommand({"getMore": 7, "collection": "orders", "$db": "shop"}),
    ],
    ids=Request.title,
)
def test_what_changes_locks_numbers_or_draws_may_not(request_: Request) -> None:
    assert not cacheable(request_)
