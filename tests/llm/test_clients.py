"""The openai and anthropic clients: whole answers, streams of events, errors; live = recording = replay."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

import timetracer_otel
from tests.llm.server import WORDS, Model
from timetracer_otel import Cassette
from timetracer_otel.config import load
from timetracer_otel.messages import HttpResponse

SECRET = "sk-live-1234567890"
ASK: list[Any] = [{"role": "user", "content": "Is the tea ready?"}]
Job = Callable[[str], Any]


@pytest.fixture
def model() -> Iterator[Model]:
    model = Model()
    model.hurry()
    yield model
    model.stop()


def openai_whole(url: str) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=SECRET, max_retries=0) as client:
        return client.chat.completions.create(model="m1", messages=ASK).model_dump()


def openai_stream(url: str) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=SECRET, max_retries=0) as client:
        stream = client.chat.completions.create(model="m1", messages=ASK, stream=True)
        return [chunk.model_dump() for chunk in stream]


def openai_async_stream(url: str) -> Any:
    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=SECRET, max_retries=0) as client:
            stream = await client.chat.completions.create(model="m1", messages=ASK, stream=True)
            return [chunk.model_dump() async for chunk in stream]

    return asyncio.run(ask())


def openai_limited(url: str) -> Any:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=SECRET, max_retries=0) as client:
        try:
            client.chat.completions.create(model="limited", messages=ASK)
        except openai.RateLimitError as error:
            return type(error), str(error), error.status_code, error.body
    return None


def anthropic_whole(url: str) -> Any:
    with anthropic.Anthropic(base_url=url, api_key=SECRET, max_retries=0) as client:
        return client.messages.create(model="m1", max_tokens=9, messages=ASK).model_dump()


def anthropic_stream(url: str) -> Any:
    with (
        anthropic.Anthropic(base_url=url, api_key=SECRET, max_retries=0) as client,
        client.messages.stream(model="m1", max_tokens=9, messages=ASK) as stream,
    ):
        return [*stream.text_stream, stream.get_final_message().model_dump()]


def anthropic_async_stream(url: str) -> Any:
    async def ask() -> Any:
        async with (
            anthropic.AsyncAnthropic(base_url=url, api_key=SECRET, max_retries=0) as client,
            client.messages.stream(model="m1", max_tokens=9, messages=ASK) as stream,
        ):
            return [text async for text in stream.text_stream]

    return asyncio.run(ask())


def anthropic_limited(url: str) -> Any:
    with anthropic.Anthropic(base_url=url, api_key=SECRET, max_retries=0) as client:
        try:
            client.messages.create(model="limited", max_tokens=9, messages=ASK)
        except anthropic.RateLimitError as error:
            return type(error), str(error), error.status_code, error.body
    return None


JOBS: list[Job] = [
    openai_whole,
    openai_stream,
    openai_async_stream,
    openai_limited,
    anthropic_whole,
    anthropic_stream,
    anthropic_async_stream,
    anthropic_limited,
]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
def test_live_recording_and_replay_are_the_same(job: Job, model: Model, tmp_path: Path) -> None:
    live = job(model.url)
    assert live
    with timetracer_otel.record(tmp_path) as recording:
        recorded = job(model.url)
    model.stop()
    assert recording.path is not None
    with timetracer_otel.replay(recording.path) as session:
        replayed = job(model.url)
    assert (recorded, replayed) == (live, live)
    assert session.unused == []
    assert model.asked == 2
    assert SECRET not in recording.path.read_text()
    assert Cassette.load(recording.path).gaps == []


@pytest.mark.parametrize("job", [openai_stream, anthropic_stream], ids=["openai", "anthropic"])
def test_events_come_through_one_by_one_while_recorded_and_keep_their_borders(
    job: Job, model: Model, tmp_path: Path
) -> None:
    with timetracer_otel.record(tmp_path) as recording:
        job(model.url)
    assert recording.path is not None
    [call] = Cassette.load(recording.path).calls()
    answer = call.answer
    assert isinstance(answer, HttpResponse)
    events = [piece for piece in answer.pieces() if piece]
    assert len(events) >= len(WORDS) + 2
    assert all(event.endswith(b"\n\n") for event in events)


def test_the_first_event_is_the_apps_before_the_next_is_sent(tmp_path: Path) -> None:
    model = Model()
    with (
        timetracer_otel.record(tmp_path),
        openai.OpenAI(base_url=f"{model.url}/v1", api_key=SECRET, max_retries=0) as client,
    ):
        stream = client.chat.completions.create(model="m1", messages=ASK, stream=True)
        said = []
        for _ in WORDS:
            model.next.release()  # this one event; were it held back, the next line would wait for ever
            said.append(next(stream).choices[0].delta.content)
        model.hurry()
        assert [chunk.choices[0].finish_reason for chunk in stream] == ["stop"]
    model.stop()
    assert tuple(said) == WORDS


def test_a_stream_is_replayed_at_its_recorded_pace_when_asked(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with timetracer_otel.record(tmp_path) as recording:
        openai_stream(model.url)
    assert recording.path is not None
    [call] = (cassette := Cassette.load(recording.path)).calls()
    times = [0, 40_000_000, 90_000_000]
    chunks: Any = call.span.attributes["timetracer.http.response.chunks"]
    chunk: Any
    for chunk, at in itertools.zip_longest(chunks, times, fillvalue=90_000_000):
        chunk[1] = at
    waited: list[float] = []
    monkeypatch.setattr("timetracer_otel.integrations.httpx.time.sleep", waited.append)
    with timetracer_otel.replay(cassette):
        openai_stream(model.url)
    assert waited == []
    with timetracer_otel.replay(cassette, settings=load({"TIMETRACER_REPLAY_PACE": "recorded"})):
        openai_stream(model.url)
    assert [round(seconds, 2) > 0 for seconds in waited[:2]] == [True, True]
