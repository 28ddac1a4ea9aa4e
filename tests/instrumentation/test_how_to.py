"""The how-to pages run as they stand, and nothing public is missing in them."""

import inspect
import re
from pathlib import Path

import pytest

import lapbell
from lapkit import python
from peers import ROOT

PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WRITTEN_ABOUT_WITHOUT_A_NAME = {"Handle", "PerformanceMonitor", "LapbellError"}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if PYTHON.search(page.read_text())], ids=lambda page: page.stem
)
def test_a_page_runs(page: Path):
    script = "\n".join(PYTHON.findall(page.read_text()))
    python(script, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")


def test_every_public_name_and_every_setting_is_written_about():
    text = "\n".join(page.read_text() for page in PAGES)
    names = set(lapbell.__all__) - WRITTEN_ABOUT_WITHOUT_A_NAME
    settings = set(inspect.signature(lapbell.setup).parameters)
    assert sorted(name for name in names | settings if not re.search(rf"\b{name}\b", text)) == []
