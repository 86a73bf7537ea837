"""What a document is encoded and compressed with is seen from its content, and bounded."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable

import pytest
from backports import zstd

from tests.unit.test_otlp_json import WHOLE
from timetracer_otel.errors import CassetteFormatError, CassetteLimitError
from timetracer_otel.formats import Compression, Encoding, Limits, decode, encode
from timetracer_otel.formats.compression import compress, decompress

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_encoding_and_compression_are_recognised(encoding: Encoding, compression: Compression) -> None:
    assert decode(encode([WHOLE], encoding, compression)) == [WHOLE]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_the_same_spans_make_the_same_bytes(compression: Compression) -> None:
    assert encode([WHOLE], "json", compression) == encode([WHOLE], "json", compression)


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n", b" \r\n\t"])
def test_json_may_begin_with_a_byte_order_mark_or_white_space(before: bytes) -> None:
    assert decode(before + encode([WHOLE])) == [WHOLE]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_several_frames_are_one_document(compression: Compression) -> None:
    data = encode([WHOLE])
    assert decode(compress(data[:100], compression) + compress(data[100:], compression)) == [WHOLE]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed_data_cut_short_is_not_a_cassette(compression: Compression) -> None:
    data = encode([WHOLE], "json", compression)
    for size in (5, len(data) // 2, len(data) - 1):
        with pytest.raises(CassetteFormatError, match=f"the {compression} data ends too early"):
            decode(data[:size])


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_damaged_compressed_data_is_not_a_cassette(compression: Compression) -> None:
    data = encode([WHOLE], "json", compression)
    with pytest.raises(CassetteFormatError, match=f"the {compression} data is damaged"):
        decode(data + b"more")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"hello", "neither OTLP JSON nor OTLP protobuf; it begins with b'hello'"),
        (b"[1]", "neither OTLP JSON nor OTLP protobuf"),
        (b"\x89PNG\r\n", "neither OTLP JSON nor OTLP protobuf"),
        (b"\n{}", "not an OTLP JSON document: Object missing required field `resourceSpans`"),
        (b"\n\x7f", "not an OTLP protobuf document"),
    ],
)
def test_other_files_are_told_what_they_are_not(data: bytes, message: str) -> None:
    with pytest.raises(CassetteFormatError, match=message):
        decode(data)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_bomb_is_a_limit_and_never_in_memory(compression: Compression) -> None:
    bomb = COMPRESS[compression](bytes(300_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(CassetteLimitError, match="more than 1000000 bytes"):
            decompress(bomb, Limits(max_bytes=1_000_000))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_document_of_just_the_limit_is_read() -> None:
    data = encode([WHOLE])
    for compression in ("none", "gzip", "zstd"):
        packed = compress(data, compression)
        assert decompress(packed, Limits(max_bytes=len(data))) == data
        with pytest.raises(CassetteLimitError, match=f"more than {len(data) - 1} bytes"):
            decompress(packed, Limits(max_bytes=len(data) - 1))


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_endless_frames_are_a_limit(compression: Compression) -> None:
    with pytest.raises(CassetteLimitError, match=f"more than 1000 {compression} frames"):
        decompress(compress(b"", compression) * 1001)
