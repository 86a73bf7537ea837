"""What the pages say of the code is what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.generated import renewed
from tests.docs.markdown import PAGES
from timetracer_otel.config import VARIABLES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_renewed(page: Path) -> None:
    assert page.read_text() == renewed(page.read_text()), "run scripts/docs"


def test_every_setting_is_in_the_table() -> None:
    table = renewed("<!-- begin: settings (x) -->\n<!-- end: settings -->")
    assert [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")] == [
        variable.name for variable in VARIABLES
    ]
