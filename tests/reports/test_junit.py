"""JUnit's XML, read back."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from timetracer_otel.replayers.verdict import Verdict
from timetracer_otel.reports.items import of_verdict
from timetracer_otel.reports.junit import junit_xml


def test_each_verdict_is_a_test_case() -> None:
    verdicts = [
        Verdict("GET /a", "one.json", "same", seconds=0.5, notes=["moved: GET x"]),
        Verdict(
            "GET /b", "two.json", "different", ["missing: <SELECT> \x00"], ["response status"], seconds=1.0
        ),
        Verdict("GET /c", "three.json", "error", ["it cannot be replayed: no"]),
        Verdict("GET /d", "four.json", "different", ["missing: x"], updated=True),
    ]
    suite = ET.fromstring(junit_xml([of_verdict(one) for one in verdicts]))[0]  # noqa: S314  # written above
    assert suite.attrib == {
        "name": "timetracer-otel",
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "0",
        "time": "1.500000",
    }
    assert [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite] == [
        ("GET /a", "one.json", ["system-out"]),
        ("GET /b", "two.json", ["failure"]),
        ("GET /c", "three.json", ["error"]),
        ("GET /d", "four.json", ["system-out"]),
    ]
    failure = suite[1][0]
    assert failure.get("message") == r"missing: <SELECT> \x00"
    assert failure.text == "missing: <SELECT> \\x00\nand so: response status"
