"""Runbooks as the package holds them."""

import re
from pathlib import Path

import pytest

from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.model import RuleKind
from lapbell_evaluator.rules import shipped
from lapbell_evaluator.runbooks import LINK, as_html, index, runbook, runbooks

NAMES = {page.name for page in runbooks()}
ALERTS = {rule.name for group in shipped(Thresholds()) for rule in group.rules if rule.kind is RuleKind.ALERTING}


def test_every_shipped_alert_has_a_page_that_is_called_as_it_is():
    assert {page.title for page in runbooks()} == ALERTS


def test_a_page_is_found_by_the_name_of_its_alert_too():
    assert {page.title: runbook(page.title) for page in runbooks()} == {page.title: page for page in runbooks()}


def test_the_index_leads_to_every_page():
    assert sorted(name for _, name in LINK.findall(index().text)) == sorted(NAMES)


def test_pages_lead_to_nothing_that_does_not_travel_with_them():
    links = re.compile(r"\]\(([^)]*)\)")
    named = {target for page in (index(), *runbooks()) for target in links.findall(page.text)}
    assert {target for target in named if target.removesuffix(".md") not in NAMES} == set()


def test_every_link_of_html_leads_to_a_page_beside_it():
    found = {target for page in runbooks() for target in re.findall(r'href="([^"]*)"', as_html(page))}
    assert found - NAMES == {"../runbooks"}


@pytest.mark.parametrize("page", runbooks(), ids=lambda page: page.name)
def test_a_page_says_what_it_means_in_a_sentence_that_can_stand_alone(page):
    assert page.meaning.endswith(".")
    assert "](" not in page.meaning


@pytest.mark.parametrize(
    "name",
    [
        "",
        "README",
        "readme.md",
        "../pages/redis-latency",
        "pages/redis-latency",
        "/etc/passwd",
        "redis-latency.md",
        "\0",
    ],
)
def test_a_name_that_is_no_page_finds_none(name):
    assert runbook(name) is None


def test_what_a_page_quotes_is_text():
    assert "<key>" not in as_html(index())


def test_git_holds_one_copy():
    root = Path(__file__).parents[3]
    found = sorted(path for path in root.glob("*/**/redis-latency.md") if ".venv" not in path.parts)
    assert found == [root / "evaluator/lapbell_evaluator/runbooks/pages/redis-latency.md"]
