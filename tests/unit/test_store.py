"""The folder of cassettes: names, whole files or none, nobody's cassette overwritten."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_cassette import TRACE, entry, span
from timetracer_otel.cassette import Cassette
from timetracer_otel.errors import (
    CassetteError,
    CassetteFormatError,
    CassetteNotFound,
    CodecError,
    ConfigurationError,
)
from timetracer_otel.formats import Compression, Encoding
from timetracer_otel.opening import open_store
from timetracer_otel.span import Span, SpanKind
from timetracer_otel.store import FolderStore

NOVEMBER_20 = 1795219199 * 10**9  # 2026-11-20T23:59:59Z


def cassette(number: int = 1, trace: str = TRACE, title: str = "/checkout", **more: Any) -> Cassette:
    """One with an entry of that number and path."""
    made = entry({"http.route": title, **more}, start=NOVEMBER_20)
    made.trace_id, made.span_id = trace, f"{number:016x}"
    return Cassette.from_spans([made])


def files(folder: Path) -> list[str]:
    """Everything below a folder, hidden files too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_cassette_is_written_under_its_day_title_and_trace(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "not" / "there")
    path = store.write(cassette())
    assert path == tmp_path / "not/there/2026-11-20/POST__checkout__1f2e3d4c5b6a7980.json"
    assert store.load(path).spans == cassette().spans
    assert files(store.path) == ["2026-11-20/POST__checkout__1f2e3d4c5b6a7980.json"]


@pytest.mark.parametrize(
    ("encoding", "compression", "suffix"),
    [
        ("json", "none", ".json"),
        ("json", "gzip", ".json.gz"),
        ("json", "zstd", ".json.zst"),
        ("protobuf", "none", ".pb"),
        ("protobuf", "zstd", ".pb.zst"),
    ],
)
def test_the_suffix_says_how_it_is_written(
    encoding: Encoding, compression: Compression, suffix: str, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path, encoding=encoding, compression=compression, fsync=True)
    path = store.write(cassette())
    assert path.name == f"POST__checkout__1f2e3d4c5b6a7980{suffix}"
    assert store.load(path).spans == cassette().spans


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("/", "POST__root"),
        ("/orders/{order_id}/items", "POST__orders_order_id_items"),
        ("/../../etc/passwd", "POST__.._.._etc_passwd"),
        ("/<script>'\"\n", "POST__script"),
        ("/caf\u00e9/\u2603", "POST__caf"),
        ("/\u2603", "POST"),
        ("/" + "x" * 500, "POST__" + "x" * 74),
    ],
)
def test_names_are_safe_on_every_file_system(title: str, name: str, tmp_path: Path) -> None:
    assert FolderStore(tmp_path).write(cassette(title=title)).name == f"{name}__1f2e3d4c5b6a7980.json"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("nightly report", "nightly_report"),
        ("../up", "up"),
        (".hidden", "hidden"),
        ("\u2603", "span"),
        ("", "span"),
    ],
)
def test_what_is_not_http_is_named_by_its_span(title: str, name: str, tmp_path: Path) -> None:
    made = Span(TRACE, "1" * 16, title, kind=SpanKind.CONSUMER)
    path = FolderStore(tmp_path).write(Cassette.from_spans([made]))
    assert path.relative_to(tmp_path) == Path(f"1970-01-01/{name}__1f2e3d4c5b6a7980.json")


def test_the_same_entry_written_again_takes_its_own_place(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    first, second = cassette(1), cassette(2)
    paths = [store.write(first), store.write(second)]
    assert [path.name for path in paths] == [
        "POST__checkout__1f2e3d4c5b6a7980.json",
        "POST__checkout__1f2e3d4c5b6a7980__0000000000000002.json",
    ]
    first.append([span(8, 1, "late")])
    second.append([span(9, 2, "late")])
    assert [store.write(first), store.write(second)] == paths
    assert [store.load(path).spans for path in paths] == [first.spans, second.spans]

    paths[0].unlink()
    assert store.write(second) == paths[1]


def test_the_first_cassette_of_an_entry_takes_the_best_place_that_is_free(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    made = [cassette(1), cassette(2), cassette(3)]
    paths = [store.add(each) for each in made]
    assert [path.name for path in paths] == [
        "POST__checkout__1f2e3d4c5b6a7980.json",
        "POST__checkout__1f2e3d4c5b6a7980__0000000000000002.json",
        "POST__checkout__1f2e3d4c5b6a7980__0000000000000003.json",
    ]
    assert [store.load(path).spans for path in paths] == [each.spans for each in made]
    assert len(files(tmp_path)) == 3
    assert store.add(made[1]) == paths[1]


def no_nameless_files(file: str, flags: int, mode: int = 0o777) -> int:
    nameless = getattr(os, "O_TMPFILE", 0)  # Linux has it
    if nameless and flags & nameless == nameless:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")
    return _open(file, flags, mode)


def no_proc(source: str, *rest: Any, **named: Any) -> None:
    if source.startswith("/proc/"):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", source)
    _link(source, *rest, **named)


_open, _link = os.open, os.link


@pytest.mark.parametrize(("name", "call"), [("open", no_nameless_files), ("link", no_proc)])
def test_a_system_without_nameless_files_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: Any
) -> None:
    monkeypatch.setattr(os, name, call)
    store = FolderStore(tmp_path)
    made = [cassette(1), cassette(2)]
    paths = [store.add(each) for each in made]
    assert [store.load(path).entry for path in paths] == [each.entry for each in made]
    assert files(tmp_path) == sorted(str(path.relative_to(tmp_path)) for path in paths)


def test_entries_that_share_everything_but_half_a_trace_id_are_kept_apart(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    made = [cassette(number, TRACE[:16] + half * 16) for half in "ab" for number in (1, 2)]
    paths = [store.write(each) for each in made]
    assert [path.stem.removeprefix("POST__checkout__1f2e3d4c5b6a7980") for path in paths] == [
        "",
        "__0000000000000002",
        "__0000000000000001",
        "__1f2e3d4c5b6a7980bbbbbbbbbbbbbbbb__0000000000000002",
    ]
    assert [store.write(each) for each in made] == paths
    assert [store.load(path).entry for path in paths] == [each.entry for each in made]


def test_a_trace_id_of_64_bits_is_named_by_them(tmp_path: Path) -> None:
    path = FolderStore(tmp_path).write(cassette(trace="0" * 16 + "a" * 16))
    assert path.name == "POST__checkout__aaaaaaaaaaaaaaaa.json"


def test_a_file_that_is_no_cassette_is_not_overwritten(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    place = store.write(cassette())
    place.write_bytes(b"notes")
    assert store.write(cassette()).name == "POST__checkout__1f2e3d4c5b6a7980__0000000000000001.json"
    assert place.read_bytes() == b"notes"


def test_a_file_system_without_hard_links_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    store = FolderStore(tmp_path)
    made = [cassette(1), cassette(2), cassette(1)]
    paths = [store.write(each) for each in made]
    assert paths[0] == paths[2] != paths[1]
    assert [store.load(path).entry for path in paths] == [each.entry for each in made]
    assert len(files(tmp_path)) == 2


def test_writing_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path, fsync=True)
    earlier = store.write(cassette())
    before = earlier.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    late = cassette()
    late.append([span(8, 1, "late")])
    for step in ("fsync", "link", "write"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, fail)
            for write, each in (
                (store.write, late),
                (store.write, cassette(trace="9" * 32)),
                (store.add, cassette(trace="8" * 32)),
            ):
                with pytest.raises(OSError, match="No space left on device"):
                    write(each)
        assert files(tmp_path) == [str(earlier.relative_to(tmp_path))]
        assert earlier.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        FolderStore(tmp_path / "file").write(cassette())


def test_a_value_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(CodecError):
        FolderStore(tmp_path / "new").write(cassette(a=object()))
    assert not (tmp_path / "new").exists()


def test_paths_are_sorted_and_without_what_is_hidden(tmp_path: Path) -> None:
    for name in (
        "b/2.json",
        "b/1.pb.zst",
        "a/any name",
        "c.json",
        "b/.2.json.1-2.tmp",
        ".git/x.json",
        "a/d/e",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path / "c.json")
    found = [str(path.relative_to(tmp_path)) for path in FolderStore(tmp_path).paths()]
    assert found == ["a/any name", "a/d/e", "b/1.pb.zst", "b/2.json", "c.json", "linked"]


def test_a_single_file_is_a_store_of_one(tmp_path: Path) -> None:
    path = FolderStore(tmp_path).write(cassette())
    assert list(open_store(str(path)).paths()) == [path]
    assert [(found, each.spans) for found, each in open_store(path).iter()] == [(path, cassette().spans)]


def test_a_store_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(CassetteNotFound, match="missing: there is no such folder or file; record some first"):
        list(FolderStore(tmp_path / "missing").paths())


def test_another_kind_of_store_is_a_configuration_error() -> None:
    with pytest.raises(
        ConfigurationError, match="'gs://bucket/x': give a folder, a file, or s3://bucket/prefix"
    ):
        open_store("gs://bucket/x")


def test_iteration_stops_at_what_is_no_cassette_unless_told_to_report_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    path = store.write(cassette())
    (tmp_path / "README.md").write_bytes(b"# cassettes")
    reported: list[tuple[Path, type[CassetteError]]] = []
    found = list(store.iter(lambda path, error: reported.append((path, type(error)))))
    assert [each for each, _ in found] == [path]
    assert reported == [(tmp_path / "README.md", CassetteFormatError)]
    with pytest.raises(CassetteFormatError, match=r"README.md: neither OTLP JSON nor OTLP protobuf"):
        list(store.iter())


WRITER = """
import sys
from timetracer_otel.cassette import Cassette
from timetracer_otel.span import Span
from timetracer_otel.store import FolderStore

store, me = FolderStore(sys.argv[1]), int(sys.argv[2])
sys.stdin.read()  # until all writers are ready
for trace in range(1, 31):
    trace_id = f"{trace:016}" + "0" * 16
    spans = [Span(trace_id, f"{me:016x}", "job")]
    for late in range(2):
        spans.append(Span(trace_id, f"{me * 100 + late:016x}", "late " * 2000, f"{me:016x}"))
        store.write(Cassette.from_spans(spans, entry_id=f"{me:016x}"))
"""


def test_writers_of_one_name_in_several_processes_keep_each_others_cassettes(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(number)], stdin=subprocess.PIPE)
        for number in (1, 2, 3)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    store, sizes_seen = FolderStore(tmp_path), {3}
    while any(writer.poll() is None for writer in writers):
        sizes_seen.update(len(each.spans) for _, each in store.iter())
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert sizes_seen <= {2, 3}  # never half a cassette
    found = sorted(
        (int(each.entry.trace_id[:16]), int(each.entry.span_id), len(each.spans)) for _, each in store.iter()
    )
    assert found == [(trace, writer, 3) for trace in range(1, 31) for writer in (1, 2, 3)]
    assert [name for name in files(tmp_path / "1970-01-01") if name.startswith(".")] == []
