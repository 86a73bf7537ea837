"""ORMs above recorded drivers: one call a statement, and the same models in a replay."""

import pytest

pytest.register_assert_rewrite("tests.orms.runs")
