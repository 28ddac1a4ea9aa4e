"""What holds for every test."""

import os

import pytest
from hypothesis import settings

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
