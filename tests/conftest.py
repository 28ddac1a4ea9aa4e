"""What holds for every test."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from opentelemetry import context

from budget import BUDGET, scaled

# In CI the same examples every time: a change is judged by itself, not by luck. By hand, new ones in every run.
# No deadline for one example: a busy machine is no failure, and every test has its timeout.
settings.register_profile(
    "lapbell", max_examples=scaled(100), deadline=None, derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("lapbell")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A larger budget takes longer: the timeouts grow with it."""
    if BUDGET <= 1:
        return
    for item in items:
        marker = item.get_closest_marker("timeout")
        seconds = marker.args[0] if marker else float(config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(seconds * BUDGET), append=False)


@pytest.fixture(autouse=True)
def the_current_context_stays() -> Iterator[None]:
    """A span that a test leaves current would be the parent of what a later test measures."""
    before = context.get_current()
    yield
    assert context.get_current() == before, "detach in the reverse order, or in a context of its own"
