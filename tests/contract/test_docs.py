"""What is documented is what there is."""

import re
import tomllib
from pathlib import Path

from reference_kit import reference

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#]+)")


def test_the_reference_is_made_from_this_code():
    page = ROOT / "docs/reference.md"
    assert page.read_text() == reference(), (
        "Write it anew: (cd tests && python -m reference_kit > ../docs/reference.md)"
    )


def test_every_floor_of_the_linter_stands_in_the_architecture():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    plan = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = {room for each in contracts for layer in each.get("layers", ()) for room in layer.split(" | ")}
    assert [room for room in sorted(rooms) if not re.search(rf"\b{room}\b", plan)] == []


def test_every_link_between_pages_leads_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "collector-config/README.md"]
    broken = {
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in LINK.findall(page.read_text())
        if not (page.parent / link.strip()).exists()
    }
    assert broken == set()


def test_every_file_of_the_glossary_is_there():
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", (ROOT / "docs/glossary.md").read_text())
    roots = (ROOT / "instrumentation", ROOT / "evaluator/lapbell_evaluator")
    assert len(named) > 30
    assert [file for file in named if not any((root / file).exists() for root in roots)] == []
