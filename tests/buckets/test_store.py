"""Cassettes below a prefix: names as in a folder, none overwritten, and a copy that is made equal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.buckets.conftest import NAME, S3
from tests.unit.test_store import cassette
from timetracer_otel.buckets import Bucket, BucketStore, mirror
from timetracer_otel.errors import BucketError, CassetteError, CassetteNotFound, ConfigurationError
from timetracer_otel.formats import Limits
from timetracer_otel.opening import open_store

FIRST = "shop/2026-11-20/POST__checkout__1f2e3d4c5b6a7980.json"
SECOND = "shop/2026-11-20/POST__checkout__1f2e3d4c5b6a7980__0000000000000002.json"


def test_a_cassette_is_written_under_the_name_it_has_in_a_folder(s3: S3) -> None:
    store = BucketStore(s3.bucket())
    path = store.write(cassette())
    assert s3.contents() == {FIRST: cassette().dump()}
    assert store.load(path).spans == cassette().spans
    assert store.local(path).read_bytes() == cassette().dump()


@pytest.mark.parametrize("way", ["write", "add"])
def test_another_cassette_of_that_name_is_not_overwritten(s3: S3, way: str) -> None:
    store = BucketStore(s3.bucket())
    store.write(cassette(1))
    getattr(store, way)(cassette(2))
    assert s3.contents() == {FIRST: cassette(1).dump(), SECOND: cassette(2).dump()}


def test_one_of_the_same_entry_takes_its_place_wherever_it_is(s3: S3) -> None:
    store = BucketStore(s3.bucket())
    for one in (cassette(1), cassette(2)):
        store.write(one)
    later = cassette(2, attribute="later")
    store.write(later)
    assert s3.contents() == {FIRST: cassette(1).dump(), SECOND: later.dump()}
    assert [store.find(cassette(number)) is not None for number in (1, 2, 3)] == [True, True, False]


def test_the_copy_has_what_the_bucket_has(s3: S3) -> None:
    store = BucketStore(s3.bucket())
    store.write(cassette(1))
    store.write(cassette(2))
    s3.put("elsewhere/x.json", b"not below the prefix")
    for name in ("shop/.hidden/x.json", "shop/2026-11-20/.tmp"):
        s3.put(name, b"no name for a file of ours")
    copy = mirror(s3.bucket())
    assert [path.relative_to(copy.path).as_posix() for path in copy.paths()] == [
        FIRST.removeprefix("shop/"),
        SECOND.removeprefix("shop/"),
    ]
    assert [one.entry.span_id for _, one in copy.iter()] == ["0000000000000001", "0000000000000002"]


def test_a_name_that_leads_out_of_the_copy_is_refused(s3: S3, tmp_path: Path) -> None:
    BucketStore(s3.bucket()).write(cassette())
    s3.put("shop/a/../../../up.json", b"{}")
    with pytest.raises(BucketError, match=r"^s3://recordings/shop: .*up\.json"):
        mirror(s3.bucket())
    assert not list(tmp_path.rglob("up.json"))


def test_only_what_has_changed_is_fetched_again(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    store = BucketStore(s3.bucket())
    for number, title in enumerate(["/kept", "/changed", "/removed"], 1):
        store.write(cassette(number, title=title))
    mirror(s3.bucket())
    store.write(cassette(2, title="/changed", more="than before"))
    s3.delete("shop/2026-11-20/POST__removed__1f2e3d4c5b6a7980.json")

    fetched: list[str] = []
    read = Bucket.read

    def noted(self: Bucket, name: str) -> Any:
        fetched.append(name)
        return read(self, name)

    monkeypatch.setattr(Bucket, "read", noted)
    copy = mirror(s3.bucket())
    assert fetched == ["2026-11-20/POST__changed__1f2e3d4c5b6a7980.json"]
    assert [(path.name, one.entry.attributes.get("more")) for path, one in copy.iter()] == [
        ("POST__changed__1f2e3d4c5b6a7980.json", "than before"),
        ("POST__kept__1f2e3d4c5b6a7980.json", None),
    ]


def test_what_another_process_is_fetching_is_left_alone(s3: S3, tmp_path: Path) -> None:
    BucketStore(s3.bucket()).write(cassette())
    folder = mirror(s3.bucket()).path
    half = folder / "2026-11-20" / ".1-POST__checkout.tmp"
    half.write_bytes(b"half")
    mirror(s3.bucket())
    assert half.read_bytes() == b"half"
    assert (tmp_path / "cache" / "timetracer-otel").stat().st_mode & 0o777 == 0o700


def test_a_url_of_one_cassette_is_a_store_of_one(s3: S3) -> None:
    BucketStore(s3.bucket()).write(cassette())
    store = open_store(f"s3://{NAME}/{FIRST}")
    assert [(path.name, one.spans) for path, one in store.iter()] == [(Path(FIRST).name, cassette().spans)]


def test_what_is_too_large_for_a_cassette_is_not_fetched(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    BucketStore(s3.bucket()).write(cassette())
    s3.put("shop/large.json", b"{" + b" " * 5000 + b"}")
    small = Limits(max_bytes=4000)
    monkeypatch.setattr("timetracer_otel.buckets.Limits", lambda: small)
    copy = mirror(s3.bucket())
    large = copy.path / "large.json"
    assert (large.stat().st_size, large.read_bytes().strip(b"\0")) == (5002, b"")
    with pytest.raises(CassetteError, match=r"large\.json: 5,002 bytes; at most 4,000 are read"):
        BucketStore(s3.bucket()).read(large)


def test_nothing_there_says_so(s3: S3) -> None:
    with pytest.raises(CassetteNotFound, match="s3://recordings/shop: there are no cassettes in it; record"):
        mirror(s3.bucket())
    store = BucketStore(s3.bucket())
    with pytest.raises(CassetteNotFound, match=r"s3://recordings/shop/a\.json: there is no such object"):
        store.load(store.path / "a.json")


def test_a_bucket_that_is_not_there_says_so(s3: S3) -> None:
    away = Bucket("s3://another/shop", region="eu-central-1", endpoint=s3.endpoint)
    with pytest.raises(BucketError, match=r"^s3://another/shop: ") as caught:
        mirror(away)
    assert "\n" not in str(caught.value)
    with pytest.raises(OSError, match=r"^s3://another/shop: "):
        BucketStore(away).write(cassette())


def test_a_cache_that_cannot_be_written_says_what_to_do(s3: S3, tmp_path: Path) -> None:
    BucketStore(s3.bucket()).write(cassette())
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(
        BucketError, match=r"cannot be written .*; name a folder for copies in XDG_CACHE_HOME"
    ):
        mirror(s3.bucket())


@pytest.mark.parametrize("url", ["gs://bucket/x", "s3://", "http://host/x", "s3:///x"])
def test_another_kind_of_url_is_a_configuration_error(s3: S3, url: str) -> None:
    with pytest.raises(ConfigurationError, match="give a folder, a file, or s3://bucket/prefix"):
        open_store(url)


def test_without_the_package_it_says_what_to_install(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'timetracer-otel\[s3\]'"):
        s3.bucket()


def test_a_fork_of_a_process_that_used_a_bucket_says_that_it_cannot(s3: S3) -> None:
    store = BucketStore(s3.bucket())
    store.write(cassette(1))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.write(cassette(2))
        except OSError as error:
            os.write(writing, str(error).encode())
        os._exit(0)
    os.close(writing)
    said = os.read(reading, 1000).decode()
    os.close(reading)
    os.waitpid(child, 0)
    assert said == (
        "s3://recordings/shop: a process forked from one that had used a bucket cannot use it; record to a"
        " folder, or fork before anything is recorded (gunicorn without --preload)"
    )
    assert s3.keys() == [FIRST]
