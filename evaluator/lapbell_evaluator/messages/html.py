"""A message as HTML for mail: styles inline, as mail programs want it; no script, no image."""

from html import escape
from typing import Final

from lapbell_evaluator.messages.lines import plain_text
from lapbell_evaluator.messages.message import ACKNOWLEDGE, Entry, Fact, Link, Message

__all__ = ["html", "html_text"]

_RED: Final = "#b3261e"
_AMBER: Final = "#8a5300"
_BLUE: Final = "#1f5fa8"
_GREEN: Final = "#1b6e3c"
_COLORS: Final = {"critical": _RED, "page": _RED, "error": _RED, "warning": _AMBER, "info": _BLUE}
_FONT: Final = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_PAGE: Final = f"margin:0;padding:0;background:#f2f3f5;color:#1d1f23;{_FONT};font-size:15px;line-height:1.45"
_CARD: Final = "max-width:640px;margin:0 auto;background:#ffffff"
_TITLE: Final = "margin:0;padding:16px 20px;color:#ffffff;font-size:18px;line-height:1.35;overflow-wrap:anywhere"
_ENTRY: Final = "padding:16px 20px;border-bottom:1px solid #e3e5e8;overflow-wrap:anywhere"
_HEADLINE: Final = "margin:0 0 8px;font-size:16px;line-height:1.35"
_ROW: Final = "padding:2px 0 2px 78px;text-indent:-78px;font-size:14px;overflow-wrap:anywhere"
_NAME: Final = "display:inline-block;min-width:74px;text-indent:0;color:#5b616b"
_WHERE: Final = "margin-top:12px;color:#6b717b;font-size:11px;line-height:1.5;overflow-wrap:anywhere"
_BUTTON: Final = (
    "display:inline-block;margin:10px 8px 0 0;padding:9px 13px;border-radius:6px;text-decoration:none;font-size:14px"
)
_FIRST: Final = f"{_BUTTON};background:#1f5fa8;color:#ffffff"
_OTHER: Final = f"{_BUTTON};background:#e8eef6;color:#174a83"


def html_text(text: str) -> str:
    """Text of strangers: nothing in it is markup, or a link that a mail program finds by itself."""
    return escape(plain_text(text))


def html(message: Message) -> str:
    """The whole document, its title first."""
    entries = "".join(_entry(entry, is_only=message.is_of_one) for entry in message.entries)
    title = html_text(message.title)
    bar = f"{_TITLE};background:{_color(message.severity, message.status)}"
    more = f'<div style="{_ENTRY}">and {message.more:,} more</div>' if message.more else ""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title></head>"
        f'<body style="{_PAGE}"><div style="{_CARD}">'
        f'<h1 style="{bar}">{title}</h1>{entries}{more}</div></body></html>'
    )


def _color(severity: str, status: str) -> str:
    return _GREEN if status == "resolved" else _COLORS.get(severity.lower(), _BLUE)


def _entry(entry: Entry, *, is_only: bool) -> str:
    headline = "" if is_only else f'<h2 style="{_HEADLINE}">{html_text(entry.headline)}</h2>'
    description = f'<p style="margin:0 0 10px">{html_text(entry.description)}</p>' if entry.description else ""
    rows = "".join(map(_row, entry.facts))
    stripe = "" if is_only else f";border-left:5px solid {_color(entry.severity, entry.status)}"
    return f'<div style="{_ENTRY}{stripe}">{headline}{description}{rows}{_opened(entry)}</div>'


def _row(fact: Fact) -> str:
    said = ", ".join(map(_link, fact.links)) if fact.links else html_text(fact.text)
    return f'<div style="{_ROW}"><span style="{_NAME}">{html_text(fact.name)}:</span> {said}</div>'


def _link(link: Link) -> str:
    if not link.url:
        return html_text(link.text)
    return f'<a href="{escape(link.url)}" style="color:#174a83">{html_text(link.text)}</a>'


def _opened(entry: Entry) -> str:
    """Buttons, and below them where they lead: for those who read plain text, or on paper. Of what is short: links."""
    if not entry.links:
        return ""
    if not entry.facts:
        return f'<div style="font-size:14px">{" &middot; ".join(map(_link, entry.links))}</div>'
    buttons = "".join(map(_button, entry.links))
    traces = [link for link in entry.traces if link.url]
    lines = "<br>".join(f"{html_text(link.text)}: {escape(link.url)}" for link in (*entry.links, *traces))
    return f'<div>{buttons}</div><div style="{_WHERE}">{lines}</div>'


def _button(link: Link) -> str:
    style = _FIRST if link.text == ACKNOWLEDGE else _OTHER
    return f'<a href="{escape(link.url)}" style="{style}">{html_text(link.text.capitalize())}</a> '
