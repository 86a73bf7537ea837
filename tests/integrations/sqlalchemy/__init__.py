import pytest

pytest.register_assert_rewrite("tests.integrations.sqlalchemy.databases")
