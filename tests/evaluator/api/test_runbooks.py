"""`/runbooks`: pages for whoever follows a link from a message."""

import re
from base64 import b64encode
from hashlib import sha256

from evaluator_kit import evaluator
from lapbell_evaluator.runbooks import Runbook, as_html, index, runbooks

STRANGER = {"Via": "1.1 x"}
PAGE = "/runbooks/redis-latency"
HTML, MARKDOWN = "text/html; charset=utf-8", "text/markdown; charset=utf-8"
ASKED = [
    (PAGE, None, HTML),
    (PAGE, "*/*", HTML),
    (PAGE, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
    (PAGE, "text/markdown", MARKDOWN),
    (PAGE, "text/markdown, text/html;q=0.9", MARKDOWN),
    (PAGE, "text/markdown;q=0.5, text/html", HTML),
    (PAGE, "TEXT/Markdown ; q=1, */*;q=0.1", MARKDOWN),
    (PAGE, "text/markdown;q=0", HTML),
    (PAGE, "text/markdown;q=many", HTML),
    (PAGE, ",;,=;q", HTML),
    (f"{PAGE}.md", "text/html", MARKDOWN),
    ("/runbooks/RedisLatency", "text/markdown", MARKDOWN),
    ("/runbooks", "text/markdown", MARKDOWN),
    ("/runbooks", "text/html", HTML),
]
TRICKS = [
    "README",
    "README.md",
    "..%2fpages%2fredis-latency",
    "..%2f__init__.py",
    "%2e%2e%2f%2e%2e%2fapp.py",
    "..%5c..%5capp.py",
    "%2fetc%2fpasswd",
    "redis-latency%00",
    "redis-latency.md.md",
    ".md",
    "html.py",
    "%ff",
    "x" * 4000,
]


def named(page: Runbook) -> tuple[str, ...]:
    """The last parts of its paths."""
    return page.name, f"{page.name}.md", page.title


async def test_every_page_is_for_everybody(tmp_path):
    async with evaluator(tmp_path, auth={"allow_loopback": False}) as (client, _):
        served = {page.name: (await client.get(f"/runbooks/{page.name}", headers=STRANGER)).text for page in runbooks()}
        first = (await client.get("/runbooks", headers=STRANGER)).text
    assert {"": first, **served} == {page.name: as_html(page) for page in (index(), *runbooks())}


async def test_who_asks_for_markdown_gets_the_source(tmp_path):
    pages = {"/runbooks": index(), **{f"/runbooks/{name}": page for page in runbooks() for name in named(page)}}
    seen = {}
    async with evaluator(tmp_path) as (client, _):
        for path, accept, _ in ASKED:
            answer = await client.get(path, headers={} if accept is None else {"Accept": accept})
            seen[path, accept] = (answer.status_code, answer.headers["content-type"], answer.text)
    assert seen == {
        (path, accept): (200, wanted, page.text if wanted is MARKDOWN else as_html(page))
        for path, accept, wanted in ASKED
        for page in [pages[path]]
    }


async def test_a_browser_is_told_to_load_nothing_and_to_believe_the_pages_own_style_alone(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        answer = await client.get(PAGE)
    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    wanted = {
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none';"
        f" style-src 'sha256-{allowed}'",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
        "vary": "Accept",
    }
    assert {name: answer.headers.get(name) for name in wanted} == wanted


async def test_nothing_but_pages_is_found(tmp_path):
    seen = {}
    async with evaluator(tmp_path) as (client, _):
        for name in TRICKS:
            request = client.build_request("GET", "/", extensions={"target": f"/runbooks/{name}".encode()})
            answer = await client.send(request)
            seen[name] = (answer.status_code, answer.headers["content-type"])
    assert seen == dict.fromkeys(TRICKS, (404, "application/json"))
