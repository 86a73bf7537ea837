"""How tests with a cassette end: failed by calls that were not as recorded, also where the app hid that."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from timetracer_otel.errors import ReplayError
from timetracer_otel.pytest_plugin import RECORDED

if TYPE_CHECKING:
    from timetracer_otel.pytest_plugin.cassettes import CassetteBlock

_BLOCKS: pytest.StashKey[list[CassetteBlock]] = pytest.StashKey()


def blocks_of(item: pytest.Item) -> list[CassetteBlock]:
    """The blocks that a test has opened."""
    return item.stash.setdefault(_BLOCKS, [])


class Ends:
    """Hooks for runs with tests that have cassettes."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Fail a test that went through though its calls were not as recorded."""
        blocks = item.stash.get(_BLOCKS, None)
        if blocks is None:
            blocks = blocks_of(item)
        try:
            result = yield
        except BaseException:
            for block in blocks:
                block.failed = True
            raise
        said = [text for block in blocks if (text := _what_was_not_as_recorded(block))]
        if said:
            pytest.fail("\n".join(said), pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Say beside another failure which calls found no answer; list what was written."""
        report = yield
        blocks = item.stash.get(_BLOCKS, None)
        if not blocks:
            return report
        if call.when == "call" and report.failed:
            lines = [line for block in blocks for line in block.missed()]
            if lines:
                report.sections.append(
                    ("timetracer-otel: calls that nothing recorded answers", "\n".join(lines))
                )
            if any(block.recording is not None for block in blocks):
                report.sections.append(("timetracer-otel", "the test failed, so its recording is not kept"))
        if call.when == "teardown":
            root = item.config.rootpath
            written = [
                str(path.relative_to(root) if path.is_relative_to(root) else path)
                for block in blocks
                for path in block.written
            ]
            if written:
                setattr(report, RECORDED, written)
            item.stash[_BLOCKS] = []
        return report


def _what_was_not_as_recorded(block: CassetteBlock) -> str:
    block.ends_here()
    try:
        block.check(of_test=True)
    except ReplayError as error:
        block.failed = True
        return str(error)
    return ""
