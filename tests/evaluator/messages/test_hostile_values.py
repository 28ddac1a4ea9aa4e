"""Nothing that a label or an annotation holds becomes markup, a mention or a link, and no message is too long."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from budget import scaled
from lapbell_evaluator.messages import Composer, Form, Writer, size_of
from lapbell_evaluator.model import labels
from message_kit.incidents import BEGAN_AT, notification, slow

NOW = BEGAN_AT + 60
COMPOSER = Composer("https://lapbell.example.com", "https://traces.example.com/{trace_id}")
NASTY = (
    "</td></title><script>alert(1)</script><img src=x onerror=alert(1)> \"quoted\" & 'so'",
    "[click](http://evil.example) ![x](http://evil.example/x.png) <http://evil.example>",
    "@everyone @here <@123> <!channel> <!subteam^S1> <#C1> <@&7> <t:0:R>",
    "https://evil.example/ HTTPS://EVIL.EXAMPLE www.evil.example",
    "# heading\n- item\n1. one\n> quote\n```code```\n---\n***bold*** __u__ ~~s~~ ||spoiler|| `c`",
    "\u202egnirts\u202c \u2066\x00\x1b[31m\r\nSubject: injected",
    "&lt;b&gt; &amp; &#60;script&#62;",
)
texts = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=60), st.text(alphabet="@<>[]()`*_~|#&:/\\w.\n\"'", max_size=60)
)


class Seen(HTMLParser):
    """The tags of a document, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {value or "" for name, value in attrs if name in {"href", "src"}}


def written(form: Form, values: list[str], limit: int = 100_000) -> str:
    hostile = [slow(value, job=value, evil=value[::-1]) for value in values]
    return Writer(form, limit).write(COMPOSER.message(notification(*hostile), NOW))


def leads_home(links: set[str]) -> bool:
    return all(link.startswith(("https://lapbell.example.com/", "https://traces.example.com/")) for link in links)


@settings(max_examples=scaled(150), deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_html_has_our_tags_and_our_links_alone(values):
    seen = Seen(written(Form.HTML, values))
    ours = {"html", "head", "meta", "title", "body", "div", "h1", "h2", "p", "span", "br", "a"}
    assert seen.tags - ours == set()
    assert leads_home(seen.links)


@settings(max_examples=scaled(150), deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_markdown_has_our_marks_and_our_links_alone(values):
    html = (
        MarkdownIt("commonmark", {"linkify": False})
        .enable(["table", "strikethrough"])
        .render(written(Form.MARKDOWN, values))
    )
    seen = Seen(html)
    assert seen.tags - {"p", "strong", "ul", "li", "a"} == set()
    assert leads_home(seen.links)


@pytest.mark.parametrize("form", list(Form))
@settings(max_examples=scaled(60), deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_no_client_finds_a_mention_or_a_link_of_a_stranger(form, values):
    text = written(form, values).lower().replace("<!doctype", "")
    assert [mark for mark in ("@everyone", "@here", "<@", "<!", "<#", "://evil", "www.evil") if mark in text] == []


@pytest.mark.parametrize("form", [Form.PLAIN, Form.MARKDOWN])
@settings(max_examples=scaled(60), deadline=None)
@given(st.lists(texts, min_size=1, max_size=12), st.integers(min_value=40, max_value=3_000))
def test_a_message_is_never_longer_than_its_limit_and_never_empty(form, values, limit):
    text = written(form, values, limit)
    assert 0 < size_of(text) <= limit


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a b/", "http://user:pw@host/", "//host", "https://x/\n"]
)
def test_a_runbook_that_is_no_link_of_the_web_is_no_link(url):
    own = slow()
    own = replace(own, incident=replace(own.incident, annotations=labels({"summary": "s", "runbook_url": url})))
    assert "runbook" not in Writer(Form.MARKDOWN, 3_000).write(Composer().message(notification(own), NOW))
