"""Bodies in charsets whose bytes do not read as ASCII: searched as UTF-8, changed in place."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from timetracer_otel.redaction.mask import Edit

_CHARSET: Final = re.compile(r"""charset\s?=\s?["']?([\w.:-]{1,40})""", re.IGNORECASE)
_SIGNS: Final = re.compile(r"[^a-z0-9]")
_CODECS: Final[dict[str, str]] = {
    **dict.fromkeys(("utf16", "utf32", "ucs2", "ucs4", "unicode"), ""),
    **{f"utf{size}{order}": f"utf-{size}-{order}" for size in (16, 32) for order in ("le", "be")},
    **dict.fromkeys(("shiftjis", "sjis", "xsjis", "windows31j", "cp932", "ms932"), "cp932"),
    **dict.fromkeys(("gbk", "gb2312", "gb18030", "cp936", "xgbk"), "gb18030"),
    **dict.fromkeys(("big5", "big5hkscs", "cp950", "xxbig5"), "big5hkscs"),
    **dict.fromkeys(("euckr", "ksc56011987", "cp949", "uhc", "windows949"), "cp949"),
    **dict.fromkeys(("iso2022jp", "csiso2022jp"), "iso2022_jp"),
    "iso2022kr": "iso2022_kr",
    "hzgb2312": "hz",
    "johab": "johab",
    "utf7": "utf-7",
    **{f"{prefix}{number}": f"cp{number}" for prefix in ("cp", "ibm") for number in ("037", "500", "1140")},
}
"""Which codec reads a charset; "" where the first bytes say. Others read ASCII as it is."""
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ODD: Final = (codecs.BOM_UTF16_LE[:1], codecs.BOM_UTF16_BE[:1])
_FIRST: Final = {
    (True, True, True): "utf-32-be",
    (False, True, True): "utf-32-le",
    (True, False, True): "utf-16-be",
    (False, True, False): "utf-16-le",
}
"""Where the zeros are among the first three bytes of a text that begins in ASCII."""
_OPENING: Final = frozenset(b'{[<"')
"""How JSON and XML begin."""


def charset_of(body: bytes, content_type: str) -> str:
    """The codec that reads a body as text; "" where UTF-8 or one like it does, or nothing is known of it.

    Args:
        body: without its content coding.
        content_type: as its header says.
    """
    declared = _declared(content_type) if "=" in content_type else None
    if declared:
        return declared
    first = body[:3]
    if declared is None and first[:1] not in _ODD and 0 not in first:
        return ""
    marked = next((codec for mark, codec in _BOMS if body.startswith(mark)), "")
    if marked or len(first) < 3:
        return marked
    one, two, three = (byte == 0 for byte in first)
    if declared is None and next((byte for byte in body[:4] if byte), 0) not in _OPENING:
        return ""
    return _FIRST.get((one, two, three), "" if declared is None else "utf-16-le")


@lru_cache(maxsize=256)
def _declared(content_type: str) -> str | None:
    found = _CHARSET.search(content_type)
    return None if found is None else _CODECS.get(_SIGNS.sub("", found[1].lower()))


def as_utf8(body: bytes, codec: str) -> bytes:
    """The body as UTF-8; what its charset has no letters for is kept apart from all letters."""
    return _text(body, codec).encode("utf-8", "surrogatepass")


def edits_in_charset(body: bytes, codec: str, find: Callable[[bytes], list[Edit]]) -> list[Edit]:
    """What to mask in a body, in its own bytes.

    Args:
        body: without its content coding.
        codec: what reads it, see :func:`charset_of`.
        find: finds it in UTF-8.
    """
    plain = as_utf8(body, codec)
    found = find(plain)
    if not found:
        return []
    edits: list[Edit] = []
    position = at = 0
    whole: list[bytes] = []
    for edit in found:
        before = _bytes(plain[position : edit.start], codec)
        inside = _bytes(plain[edit.start : edit.end], codec)
        text = _bytes(edit.text, codec)
        start = at + len(before)
        at = start + len(inside)
        edits.append(Edit(start, at, text, edit.name))
        whole += (before, text)
        position = edit.end
    rest = _bytes(plain[position:], codec)
    if 0 <= len(body) - at - len(rest) < 4:  # less than a letter may be cut off
        return edits
    names = ", ".join(dict.fromkeys(edit.name for edit in found))
    return [Edit(0, len(body), b"".join([*whole, rest]), names)]  # it switches alphabets, and has no places


def _text(body: bytes, codec: str) -> str:
    try:
        return codecs.getincrementaldecoder(codec)(_errors(codec)).decode(body)
    except UnicodeDecodeError:
        return body.decode(codec, "replace")


def _bytes(plain: bytes, codec: str) -> bytes:
    text = plain.decode("utf-8", "surrogatepass")
    try:
        return text.encode(codec, _errors(codec))
    except UnicodeEncodeError:
        return text.encode(codec, "replace")


def _errors(codec: str) -> str:
    return "surrogatepass" if codec.startswith(("utf-16", "utf-32")) else "surrogateescape"
