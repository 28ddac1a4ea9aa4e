"""A runbook as a page for browsers: no script, no image, one style sheet within it."""

from collections.abc import MutableMapping, Sequence
from functools import cache
from html import escape
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from lapbell_evaluator.runbooks.runbook import Runbook

__all__ = ["STYLE", "as_html"]

STYLE: Final = """
:root { color-scheme: light dark; font: 1.05rem/1.55 system-ui, sans-serif; }
body { max-width: 46rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; margin: 0.5rem 0 0; }
h2 { font-size: 1.15rem; margin: 1.75rem 0 0.25rem; }
p { margin: 0.25rem 0 0.75rem; }
ul { padding-left: 1.25rem; }
li { margin: 0.35rem 0; }
code { font: 0.9em ui-monospace, monospace; }
pre { padding: 0.75rem 1rem; border: 1px solid #8886; border-radius: 0.4rem; overflow-x: auto; }
"""
"""A policy can allow it by its hash."""
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{up}<main>
{body}</main>
</body>
</html>
"""
_UP: Final = '<nav><a href="../runbooks">All runbooks</a></nav>\n'
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


@cache
def as_html(runbook: Runbook) -> str:
    """The whole document; links between runbooks lead to where they are served beside each other.

    Args:
        runbook: at `/runbooks/<name>`, or the index at `/runbooks`.
    """
    tokens = _MARKDOWN.parse(runbook.text)
    beside = "" if runbook.name else "runbooks/"
    for token in tokens:
        _lead(token.children or (), beside)
    environment: MutableMapping[str, object] = {}
    body = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, environment)
    return _PAGE.format(title=escape(runbook.title), style=STYLE, up=_UP if runbook.name else "", body=body)


def _lead(tokens: Sequence[Token], beside: str) -> None:
    """Let links to files lead to pages."""
    for token in tokens:
        target = str(token.attrGet("href") or "")
        if target.endswith(".md") and "/" not in target:
            token.attrSet("href", f"{beside}{target.removesuffix('.md')}")
