"""JUnit's XML, as CI servers read it: one test case for each comparison."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET  # written here, never read

from timetracer_otel.reports.items import Item

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(items: Sequence[Item], suite: str = "timetracer-otel") -> bytes:
    """One ``testsuite`` of those items.

    Args:
        items: what was compared.
        suite: its name.
    """
    root = ET.Element("testsuites")
    failed = sum(item.outcome == "different" for item in items)
    broken = sum(item.outcome == "error" for item in items)
    suite_element = ET.SubElement(
        root,
        "testsuite",
        name=suite,
        tests=str(len(items)),
        failures=str(failed),
        errors=str(broken),
        skipped="0",
        time=_seconds(sum(item.seconds for item in items)),
    )
    for item in items:
        case = ET.SubElement(
            suite_element,
            "testcase",
            classname=_text(item.title),
            name=_text(item.where),
            file=_text(item.where),
            time=_seconds(item.seconds),
        )
        said = [*item.lines, *(f"and so: {line}" for line in item.follows)]
        if item.outcome in ("different", "error"):
            kind = "failure" if item.outcome == "different" else "error"
            message = _text(said[0] if said else item.outcome)
            element = ET.SubElement(case, kind, message=message, type=item.outcome)
            element.text = _text("\n".join([*said, *(f"note: {line}" for line in item.notes)]))
        elif item.notes or said:
            ET.SubElement(case, "system-out").text = _text("\n".join([*said, *item.notes]))
    ET.indent(root)
    written: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return written + b"\n"


def _seconds(number: float) -> str:
    return f"{number:.6f}"


def _text(text: str) -> str:
    """The text without what XML cannot hold, written as its escape."""
    return _NOT_IN_XML.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
