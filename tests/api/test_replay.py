"""``with timetracer_otel.replay(...)`` around any code, with everything it talks to stopped."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

import timetracer_otel
from tests.services.upstream import Upstream
from tests.services.valkey import Valkey
from timetracer_otel import config, ports
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import CassetteError, CassetteNotFound, LiveConnectionError, MissError
from timetracer_otel.replayers.matching import Grade


class World:
    """What the code under test talks to."""

    def __init__(self, upstream: Upstream, valkey: Valkey, folder: Path) -> None:
        self.upstream = upstream
        self.valkey = valkey
        self.database = folder / "shop.db"

    def record(self, work: Callable[[], Any]) -> Path:
        """Let the work be done for real; its cassette."""
        with timetracer_otel.record(self.database.parent / "cassettes") as recording:
            work()
        assert recording.path is not None
        return recording.path

    def stop(self) -> None:
        self.upstream.stop()
        self.valkey.door.shut()
        self.database.unlink(missing_ok=True)

    def http(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(self.upstream.url + path, **more)

    def redis(self) -> Any:
        return redis.Redis.from_url(self.valkey.url)

    def sql(self, text: str, **parameters: Any) -> list[tuple[Any, ...]]:
        engine = sqlalchemy.create_engine(f"sqlite:///{self.database}")
        with engine.begin() as connection:
            result = connection.execute(sqlalchemy.text(text), parameters)
            return [tuple(row) for row in result.all()] if result.returns_rows else []

    def everything(self) -> list[Any]:
        """A little of each library, with answers that say when they were made."""
        self.sql("CREATE TABLE IF NOT EXISTS stock (item TEXT, n INTEGER)")
        self.sql("INSERT INTO stock VALUES (:item, :n)", item="tea", n=3)
        client = self.redis()
        return [
            self.http("/counter").json(),
            self.http("/counter").json(),
            client.incr("visits"),
            client.pipeline().incr("visits").get("visits").execute(),
            self.sql("SELECT item, n FROM stock"),
            str(uuid.uuid4()),
            time.time(),
        ]

    async def everything_asynchronously(self) -> list[Any]:
        async with httpx.AsyncClient(base_url=self.upstream.url) as client:
            counters = await asyncio.gather(*(client.get("/counter") for _ in range(3)))
        engine = create_async_engine(f"sqlite+aiosqlite:///{self.database}")
        async with engine.connect() as connection:
            rows = (await connection.execute(sqlalchemy.text("SELECT 7"))).all()
        await engine.dispose()
        async with redis.asyncio.Redis.from_url(self.valkey.url) as cache:
            visits = await cache.incr("visits")
        return [[counter.json() for counter in counters], [tuple(row) for row in rows], visits]


@pytest.fixture
def world(upstream: Upstream, valkey: Valkey, tmp_path: Path) -> World:
    return World(upstream, valkey, tmp_path)


def test_everything_is_answered_with_everything_stopped(world: World) -> None:
    live: list[Any] = []
    path = world.record(lambda: live.extend(world.everything()))
    world.stop()
    with timetracer_otel.replay(path) as session:
        assert world.everything() == live
    assert {call.grade for call in session.calls} == {Grade.EXACT}
    assert (session.misses, session.unused) == ([], [])
    assert not world.database.exists()


def test_asynchronous_code_is_answered_too(world: World) -> None:
    live: list[Any] = []
    path = world.record(lambda: live.extend(asyncio.run(world.everything_asynchronously())))
    world.stop()

    async def replayed() -> list[Any]:
        async with timetracer_otel.replay(path) as session:
            answer = await world.everything_asynchronously()
        assert session.unused == []
        return answer

    assert asyncio.run(replayed()) == live
    with timetracer_otel.replay(path):
        assert asyncio.run(world.everything_asynchronously()) == live


def test_nothing_is_left_behind(world: World) -> None:
    path = world.record(lambda: world.http("/counter"))
    with timetracer_otel.replay(path):
        assert world.http("/counter").json() == {"turn": 1}
    assert world.http("/counter").json() == {"turn": 2}
    with timetracer_otel.replay(path):
        assert world.http("/counter").json() == {"turn": 1}
    assert world.upstream.arrived["GET"] == 2


def test_a_miss_names_the_nearest_call_and_the_difference(world: World) -> None:
    path = world.record(lambda: world.http("/json", params={"order": 1}))
    with pytest.raises(MissError) as caught, timetracer_otel.replay(path):
        world.http("/json", params={"order": 2})
    assert str(caught.value) == (
        f"GET {world.upstream.url}/json?order=2: no recorded call answers it."
        f" Nearest is GET {world.upstream.url}/json?order=1;"
        " it differs in query[0][1]: recorded '1', live '2'"
    )
    assert world.upstream.arrived["GET"] == 1


def test_a_miss_that_was_swallowed_is_raised_at_the_end(world: World) -> None:
    path = world.record(lambda: world.redis().get("a"))

    def swallowing() -> str:
        try:
            world.redis().get("b")
        except Exception:
            return "went on without"
        return "answered"

    done = []
    with pytest.raises(MissError, match=r"^GET b: no recorded call answers it"), timetracer_otel.replay(path):
        done.append(swallowing())
    assert done == ["went on without"]


def test_the_app_s_own_error_is_not_hidden_by_a_miss(world: World) -> None:
    path = world.record(lambda: world.redis().get("a"))

    def failing() -> None:
        try:
            world.redis().get("b")
        except MissError:
            raise LookupError("no b") from None

    with pytest.raises(LookupError, match="no b"), timetracer_otel.replay(path):
        failing()


def test_calls_that_did_not_happen_are_listed(world: World) -> None:
    path = world.record(lambda: (world.http("/json/1"), world.redis().set("a", 1), world.http("/json/2")))
    with timetracer_otel.replay(path) as session:
        world.http("/json/2")
    assert [call.request.title() for call in session.unused if call.request] == [
        f"GET {world.upstream.url}/json/1",
        "SET a 1",
    ]


def test_threads_and_tasks_within_belong_to_it(world: World) -> None:
    def work() -> list[Any]:
        with ThreadPoolExecutor(2) as executor:
            pooled = [executor.submit(world.http, "/counter").result().json() for _ in range(2)]
        seen: list[Any] = []
        thread = threading.Thread(target=lambda: seen.append(world.redis().incr("visits")))
        thread.start()
        thread.join()
        return [pooled, seen, asyncio.run(_counted_twice(world))]

    live: list[Any] = []
    path = world.record(lambda: live.extend(work()))
    world.stop()
    with timetracer_otel.replay(path) as session:
        assert work() == live
    assert session.unused == []


async def _counted_twice(world: World) -> list[Any]:
    async with httpx.AsyncClient(base_url=world.upstream.url) as client:

        async def count() -> Any:
            return (await client.get("/counter")).json()

        tasks = [asyncio.create_task(count()) for _ in range(2)]
        return [await task for task in tasks] + [
            await asyncio.to_thread(lambda: world.http("/counter").json())
        ]


def recorded_twice(world: World) -> list[Path]:
    """The same request, answered otherwise each time."""
    return [world.record(lambda: world.http("/counter")) for _ in range(2)]


def test_replays_side_by_side_in_threads_do_not_see_each_other(world: World) -> None:
    paths = recorded_twice(world)
    world.stop()
    together = threading.Barrier(2)

    def replayed(path: Path) -> tuple[Any, int]:
        with timetracer_otel.replay(path) as session:
            together.wait()
            turn = world.http("/counter").json()["turn"]
            together.wait()
        return turn, len(session.calls)

    with ThreadPoolExecutor(2) as executor:
        assert list(executor.map(replayed, paths)) == [(1, 1), (2, 1)]


def test_replays_side_by_side_in_tasks_do_not_see_each_other(world: World) -> None:
    paths = recorded_twice(world)
    world.stop()

    async def both() -> list[Any]:
        together = asyncio.Barrier(2)

        async def replayed(path: Path) -> tuple[Any, int]:
            async with timetracer_otel.replay(path) as session, httpx.AsyncClient() as client:
                await together.wait()
                turn = (await client.get(f"{world.upstream.url}/counter")).json()["turn"]
                await together.wait()
            return turn, len(session.calls)

        return list(await asyncio.gather(*map(replayed, paths)))

    assert asyncio.run(both()) == [(1, 1), (2, 1)]


def test_a_replay_within_a_recording_is_answered_and_not_recorded(world: World, tmp_path: Path) -> None:
    path = world.record(lambda: world.http("/counter"))
    with timetracer_otel.record(tmp_path / "outer") as recording:
        with timetracer_otel.replay(path):
            assert world.http("/counter").json() == {"turn": 1}
        assert world.http("/counter").json() == {"turn": 2}
    assert recording.path is not None
    [call] = Cassette.load(recording.path).calls()
    assert getattr(call.answer, "body", None) == b'{"turn": 2}'


@pytest.fixture
def replayed(world: World) -> Iterator[Any]:
    path = world.record(lambda: (world.http("/counter"), world.redis().incr("visits")))
    world.stop()
    with timetracer_otel.replay(path) as session:
        yield session
    assert session.unused == []


def test_a_fixture_may_hold_the_replay(replayed: Any, world: World) -> None:
    assert (world.http("/counter").json(), world.redis().incr("visits")) == ({"turn": 1}, 1)
    assert [call.integration for call in replayed.calls] == ["httpx", "redis"]


def test_a_folder_answers_from_all_its_cassettes(world: World) -> None:
    world.record(lambda: world.http("/json/1"))
    path = world.record(lambda: world.redis().incr("visits"))
    world.stop()
    with timetracer_otel.replay(path.parent.parent) as session:
        assert world.redis().incr("visits") == 1
        assert world.http("/json/1").status_code == 200
    assert session.unused == []


def test_a_cassette_in_memory_is_as_good_as_a_file(world: World) -> None:
    cassette = Cassette.load(world.record(lambda: world.http("/counter")))
    with timetracer_otel.replay(cassette):
        assert world.http("/counter").json() == {"turn": 1}


def test_what_is_live_goes_out_and_what_is_not_does_not(world: World) -> None:
    path = world.record(lambda: (world.http("/counter"), world.redis().incr("visits")))
    settings = config.load({}, live_plugins=("http",))
    world.valkey.door.shut()
    with timetracer_otel.replay(path, settings=settings) as session:
        assert world.http("/counter").json() == {"turn": 2}
        assert world.redis().incr("visits") == 1
    assert [(call.integration, call.outcome.value) for call in session.calls] == [
        ("httpx", "live"),
        ("redis", "answered"),
    ]
    assert (world.upstream.arrived["GET"], session.unused) == (2, [])


def test_a_miss_may_be_let_through(world: World) -> None:
    path = world.record(lambda: world.http("/counter"))
    settings = config.load({}, on_miss="passthrough")
    with timetracer_otel.replay(path, settings=settings) as session:
        turns = [world.http("/counter").json()["turn"] for _ in range(2)]
    assert turns == [1, 2]
    assert [call.outcome.value for call in session.calls] == ["answered", "missed"]


def test_all_other_connections_are_refused(world: World) -> None:
    path = world.record(lambda: world.http("/counter"))
    with (
        timetracer_otel.replay(path),
        pytest.raises(LiveConnectionError, match=r"tried by tests\.api\.test_replay:"),
    ):
        socket.create_connection(("127.0.0.1", int(world.upstream.url.rpartition(":")[2])))
    assert world.upstream.connections == 1


def test_a_thread_that_ran_before_the_block_is_replayed_as_well(world: World) -> None:
    path = world.record(lambda: world.http("/counter"))
    with ThreadPoolExecutor(1) as executor:
        executor.submit(int).result()  # the thread is there
        with timetracer_otel.replay(path):
            assert executor.submit(world.http, "/counter").result().json() == {"turn": 1}
    assert world.upstream.arrived["GET"] == 1


def test_there_must_be_a_cassette(tmp_path: Path) -> None:
    with pytest.raises(CassetteNotFound, match="no such folder or file"):
        timetracer_otel.replay(tmp_path / "missing.json")
    with pytest.raises(CassetteError, match="there are no cassettes in it; record some first"):
        timetracer_otel.replay(tmp_path)
    assert ports.current() is None
