"""The tests of the pages can fail: what is not so is noticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.docs.markdown import Block, Command, agrees, blocks, commands
from tests.docs.shell import Shell

PAGE = """# Title

```console status=1
$ false
```

Text with ``` in a line.

<!-- services stop -->

```python title="a.py"
print(1)
```
"""


def test_blocks_and_orders_are_found_in_order() -> None:
    assert list(blocks(PAGE)) == [
        Block(3, language="console", text="$ false\n", status=1),
        Block(9, order="services stop"),
        Block(11, language="python", text="print(1)\n", title="a.py"),
    ]


def test_commands_with_their_output_and_over_several_lines() -> None:
    assert commands("$ one\nprinted\n$ two \\\n  three\nfour\nfive\n") == [
        Command("one", "printed"),
        Command("two \\\n  three", "four\nfive"),
    ]


def test_output_without_a_command_is_a_mistake_of_the_page() -> None:
    with pytest.raises(ValueError, match="begins with"):
        commands("printed\n")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb", "a  \nb\n", True),
        ("a   b", "a b", True),
        ("a ... d", "a b c d", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\n...", "a", True),
        ("(a+)", "(a+)", True),
        ("├─ a\n│  b", "└─ a\n   │  b", True),
        ("a", "a\nb", False),
        ("b", "a\nb", False),
        ("a ... d", "a b c", False),
        ("a ... d", "a b\nc d", False),
        ("a\n...\nd", "a\nb\nc", False),
    ],
)
def test_what_is_shown_must_be_what_was_printed(shown: str, printed: str, same: bool) -> None:
    assert agrees(shown, printed) is same


def test_a_shell_keeps_its_variables_and_tells_status_and_output(tmp_path: Path) -> None:
    with Shell(tmp_path, os.environ) as shell:
        assert shell.run("x=2") == (0, "")
        assert shell.run("echo $x; echo y >&2; false") == (1, "2\ny\n")
        assert shell.run("cat; printf z") == (0, "z")


def test_a_server_is_waited_for_and_one_that_ends_is_a_failure(tmp_path: Path) -> None:
    with Shell(tmp_path, os.environ) as shell:
        assert shell.run("(echo Uvicorn running on http://x; exec cat /dev/zero >/dev/null) &") == (0, "")
        assert shell.run("kill $!; wait") == (0, "")
        assert shell.run("echo no such app &") == (1, "no such app\n")


def test_the_unit_of_a_duration_does_not_count() -> None:
    assert agrees("answered in ... ms, 2 calls", "answered in 1.08 s, 2 calls")
    assert not agrees("answered in ... ms, 2 calls", "answered in 1.08 s, 3 calls")
