"""Record to a bucket, look at it, replay from it, convert to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.buckets.conftest import NAME, S3
from tests.services.aws import Aws
from tests.services.environment import instrumenting
from tests.services.upstream import Upstream
from timetracer_otel import Cassette, config, record, replay
from timetracer_otel.demo.processes import Sent, Server, send

URL = f"s3://{NAME}/shop"
COMMAND = str(Path(sys.executable).with_name("timetracer-otel"))
APP = """
import os
import fastapi
import httpx

app = fastapi.FastAPI()

@app.get("/prices/{name}")
def price(name: str):
    return httpx.get(os.environ["UPSTREAM"] + "/json/" + name).json()["place"]
"""
OTLP = Path(__file__).parents[1] / "converting"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], env=os.environ | environment, capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def shop(s3: S3, upstream: Upstream) -> dict[str, str]:
    """The shop in the working directory; what it is told."""
    Path("shop.py").write_text(APP)
    ours = {name: value for name, value in os.environ.items() if name.startswith("TIMETRACER_S3_")}
    return {**instrumenting("fastapi", "httpx"), "UPSTREAM": upstream.url, **ours}


def test_a_service_records_to_a_bucket_and_replays_from_it(
    s3: S3, shop: dict[str, str], upstream: Upstream
) -> None:
    serve = ["uvicorn", "shop:app"]
    with Server([COMMAND, "record", "--dir", URL, "--", *serve], Path.cwd(), shop) as server:
        answers = [send(server.url, Sent("GET", f"/prices/{name}")) for name in ("tea", "cup")]
    keys = s3.keys()
    assert [key.rpartition("__")[0].rpartition("/")[2] for key in keys] == ["GET__prices_name"] * 2
    assert not any(Path(name).exists() for name in ("cassettes", "s3:"))
    upstream.stop()

    listed = [json.loads(line) for line in run("list", URL, "--json", **shop).stdout.splitlines()]
    assert [one["status"] for one in listed] == [200, 200]
    # with their addresses, not with the paths of the copy
    assert sorted(one["path"] for one in listed) == [f"s3://{NAME}/{key}" for key in keys]
    checked = run("validate", URL, **shop).stdout
    assert all(f"ok   s3://{NAME}/{key}  1 call" in checked for key in keys)
    done = run("replay", URL, "--app", "shop:app", "--fault", "http *: status 503", **shop)
    assert (done.returncode, done.stdout.count(f"s3://{NAME}/shop/")) == (1, 2), done.stdout
    done = run("replay", URL, "--app", "shop:app", **shop)
    assert (done.returncode, "2 replayed: 2 same" in done.stdout) == (0, True), done.stdout + done.stderr
    with Server([COMMAND, "replay", URL, "--", *serve], Path.cwd(), shop) as server:
        assert [send(server.url, Sent("GET", f"/prices/{name}")) for name in ("tea", "cup")] == answers
    launched = [str(Path(COMMAND).with_name("opentelemetry-instrument")), *serve]
    replaying = {**shop, "TIMETRACER_MODE": "replay", "TIMETRACER_CASSETTE": URL}
    with Server(launched, Path.cwd(), replaying) as server:
        assert send(server.url, Sent("GET", "/prices/cup")) == answers[1]

    (first, second) = keys
    done = run("diff", f"s3://{NAME}/{first}", f"s3://{NAME}/{second}")
    assert (done.returncode, "1 different" in done.stdout) == (1, True), done.stdout + done.stderr
    assert run("show", f"s3://{NAME}/{first}").stdout.startswith("GET /prices/")


def test_the_older_package_s_variables_name_a_bucket_too(
    s3: S3, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMETRACER_S3_BUCKET", NAME)
    with record() as recording:
        answer = httpx.get(f"{upstream.url}/json/tea").json()
    (key,) = s3.keys()
    assert key.startswith("cassettes/")
    assert recording.path is not None
    upstream.stop()
    for place in (recording.path, f"s3://{NAME}/cassettes"):
        with replay(place):
            assert httpx.get(f"{upstream.url}/json/tea").json() == answer
    assert config.load({"TIMETRACER_S3_BUCKET": "b", "TIMETRACER_DIR": "here"}).dir == "here"


def test_an_app_whose_bucket_is_away_does_not_notice(
    s3: S3, aws: Aws, shop: dict[str, str], upstream: Upstream
) -> None:
    aws.stop()
    serve = [COMMAND, "record", "--dir", URL, "--", "uvicorn", "shop:app"]
    with Server(serve, Path.cwd(), shop) as server:
        assert send(server.url, Sent("GET", "/prices/tea")).body == '"tea"'
        serving = server
    assert "timetracer-otel: writing a cassette: BucketError: s3://recordings/shop: " in serving.output()
    assert "timetracer-otel: 0 cassettes written; 1 failed" in serving.output()


@pytest.mark.parametrize("options", [(), ("--workers", "2")])
def test_a_conversion_to_a_bucket_is_that_to_a_folder(s3: S3, upstream: Upstream, options: list[str]) -> None:
    with record(dir="recorded"):
        httpx.get(f"{upstream.url}/json/tea")
    assert run("export", "recorded", "--to", "otlp-json", "-o", "traces.json").returncode == 0
    assert run("convert", "traces.json", "-o", "folder").returncode == 0
    for again in ("1 cassette", "were there already"):
        done = run("convert", "traces.json", "-o", URL, *options)
        assert (done.returncode, again in done.stdout) == (0, True), done.stdout + done.stderr
    folder = {
        f"shop/{path.relative_to('folder')}": path.read_bytes() for path in Path("folder").rglob("*.json")
    }
    assert s3.contents() == folder
    assert len(folder) == 1


def test_a_bucket_is_searched_as_it_is_now(s3: S3, upstream: Upstream) -> None:
    for item in ("tea", "cup"):
        with record(dir=URL):
            httpx.get(f"{upstream.url}/json/{item}")

    def found(*arguments: str) -> list[str]:
        done = run("search", *arguments, "--json")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return [Path(json.loads(line)["path"]).name for line in done.stdout.splitlines()]

    tea, cup = (found(item, "--in", URL) for item in ("tea", "cup"))
    assert sorted(tea + cup) == sorted(key.rpartition("/")[2] for key in s3.contents())
    (gone,) = [key for key in s3.contents() if key.endswith(tea[0])]
    s3.delete(gone)
    assert found("tea", "--in", URL) == []
    assert found("cup", "--in", URL) == cup
    assert run("search", "cup", TIMETRACER_DIR=URL).stdout.endswith(f"{cup[0]}\n")
    elsewhere = run("search", "--in", f"s3://{NAME}/elsewhere")
    assert (elsewhere.returncode, elsewhere.stderr) == (
        2,
        f"error: s3://{NAME}/elsewhere: there are no cassettes in it; record some first\n",
    )


@pytest.mark.parametrize("option", [("--update",), ("--learn", "2", "--write-rules")])
def test_a_replay_does_not_change_a_bucket(s3: S3, option: list[str]) -> None:
    done = run("replay", URL, "--app", "shop:app", *option)
    assert done.returncode == 2
    assert "A bucket is only read here; give a folder to --update or --write-rules." in done.stderr


def test_no_bucket_is_one_line_and_2(s3: S3) -> None:
    for arguments in (["list"], ["validate"], ["replay", "--app", "shop:app"]):
        done = run(arguments[0], f"s3://{NAME}/nothing", *arguments[1:])
        assert (done.returncode, done.stderr) == (
            2,
            f"error: s3://{NAME}/nothing: there are no cassettes in it; record some first\n",
        )


def test_what_was_recorded_is_what_is_there(s3: S3, upstream: Upstream) -> None:
    with record(dir=URL, name="one") as recording:
        httpx.get(f"{upstream.url}/json/tea")
    assert recording.path is not None
    (data,) = s3.contents().values()
    assert Cassette.load(data).spans == Cassette.load(recording.path).spans
