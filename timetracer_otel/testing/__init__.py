"""What every integration keeps to, as checks for your own.

::

    from timetracer_otel import testing

    class Weather(testing.Dependency):
        module = integration = "weatherclient"

        def client(self): ...
        def call(self, client, way): ...
        def fail(self, client): ...

    @pytest.mark.parametrize("order", testing.ORDERS)
    def test_the_contract(order):
        testing.check_order(Weather, order)

    def test_replay():
        testing.check_replay(Weather)

The checks raise ``AssertionError`` with what was found; any test runner will do. Each order runs in a process
of its own, which imports the module of the subject by name: define it at the top of a module.
"""

from timetracer_otel.testing.contract import check_order, check_replay
from timetracer_otel.testing.orders import ORDERS, Facts, Seen, in_force
from timetracer_otel.testing.subjects import Dependency, Results, Subject, attempt, describe, describe_error

__all__ = [
    "ORDERS",
    "Dependency",
    "Facts",
    "Results",
    "Seen",
    "Subject",
    "attempt",
    "check_order",
    "check_replay",
    "describe",
    "describe_error",
    "in_force",
]
