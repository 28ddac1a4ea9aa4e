"""The page of a link in a message: what is wrong, and one button. No script; it fits a phone at night."""

from datetime import UTC, datetime
from enum import StrEnum
from html import escape
from typing import Final

from lapbell_evaluator.model import IncidentView, State
from lapbell_evaluator.service import LinkStanding, OpenedLink

__all__ = ["STYLE", "Outcome", "link_page", "unknown_page"]

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3_600.0
_DAY_S: Final = 86_400.0
_MOST_CHARS: Final = 500
_MOST_FACTS: Final = 20
_HIDDEN: Final = frozenset({"alertname", "severity", "category"})

STYLE: Final = """
:root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif; }
body { max-width: 34rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.25rem; line-height: 1.3; margin: 0.5rem 0 0.25rem; }
p { margin: 0.25rem 0 1rem; }
.tag { display: inline-block; padding: 0 0.6rem; border-radius: 1rem; font-size: 0.9rem; border: 1px solid #8888; }
.critical, .page, .error { background: #b3261e; border-color: #b3261e; color: #fff; }
.warning { background: #f2b600; border-color: #f2b600; color: #201a00; }
.said { padding: 0.75rem 1rem; border-left: 0.3rem solid #8888; background: #8881; margin: 0 0 1.25rem; }
.taken { border-color: #1e8e3e; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.35rem 1rem; margin: 1rem 0 1.5rem; }
dt, small { opacity: 0.75; }
dd { margin: 0; }
label { display: block; margin-bottom: 0.25rem; }
input, button { box-sizing: border-box; width: 100%; font: inherit; padding: 0.75rem; border-radius: 0.5rem; }
input { border: 1px solid #8888; margin-bottom: 0.75rem; background: Field; color: FieldText; }
button { border: 0; background: #0b57d0; color: #fff; font-weight: 600; }
button:focus-visible, input:focus-visible { outline: 3px solid #7cacf8; outline-offset: 2px; }
small { display: block; margin: 0.75rem 0 1.5rem; }
"""
"""A policy can allow it by its hash."""
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}</main>
</body>
</html>
"""
_FORM: Final = """\
<form method="post">
<label for="name">Your name, if others should know it</label>
<input id="name" name="name" maxlength="64" autocomplete="name">
<button type="submit">I have it</button>
</form>
<small>Then it is not repeated, and nobody further down the chain is told. You still hear when it ends.
This link works once, until {until}.</small>
"""


class Outcome(StrEnum):
    """What the page says."""

    ASKS = "asks"
    TAKEN = "taken"
    USED = "used"
    EXPIRED = "expired"
    OVER = "over"

    @classmethod
    def of(cls, standing: LinkStanding) -> "Outcome":
        """Of a link that is good for nothing any more."""
        return cls(standing.value)


def unknown_page() -> str:
    """Of a link that is not ours."""
    return _whole(
        "Not one of our links",
        "<h1>This link is not one of ours</h1>\n<p>A part of it may be missing: open the one in the message, whole. "
        "On the command line, <code>lapbell alerts list</code> names what fires.</p>\n",
    )


def link_page(link: OpenedLink, outcome: Outcome, now: float) -> str:
    """Of a link that is ours.

    Args:
        link: opened.
        outcome: what to say.
        now: Unix seconds.
    """
    said = _said(link, outcome)
    if link.view is None:
        return _whole("Acknowledge", f"<h1>{escape(said)}</h1>\n")
    view = link.view
    title = _short(view.message)
    form = _FORM.format(until=escape(_moment(link.expires_at))) if outcome is Outcome.ASKS else ""
    notice = f'<p class="said {outcome}">{escape(said)}</p>\n' if said else ""
    severity = view.incident.severity
    tag = f'<span class="tag {escape(severity.lower())}">{escape(_short(severity))}</span>\n' if severity else ""
    return _whole(title, f"{notice}{tag}<h1>{escape(title)}</h1>\n{_since(view, now)}{form}{_facts(view)}")


def _said(link: OpenedLink, outcome: Outcome) -> str:
    incident = None if link.view is None else link.view.incident
    who = "" if incident is None or incident.acknowledged_by is None else _short(incident.acknowledged_by)
    match outcome:
        case Outcome.ASKS:
            return ""
        case Outcome.TAKEN:
            return f"You have it. The others see: {who}."
        case Outcome.USED if incident is not None and incident.acknowledged_at is not None:
            return f"{who} has it already, since {_moment(incident.acknowledged_at)}. This link is used up."
        case Outcome.USED:
            return (
                "This link is used up: the incident was taken, and has come back since. A newer message has a new one."
            )
        case Outcome.EXPIRED:
            return f"This link has expired, {_moment(link.expires_at)}. A newer message has a new one."
        case Outcome.OVER if incident is not None and incident.resolved_at is not None:
            return f"It is over, since {_moment(incident.resolved_at)}: there is nothing to take."
    return "It is over: there is nothing to take."


def _since(view: IncidentView, now: float) -> str:
    incident = view.incident
    began_at = incident.opened_at if incident.fired_at is None else incident.fired_at
    state = "Fires" if incident.state is State.FIRING else str(incident.state).capitalize()
    return f"<p>{escape(state)}; began {_moment(began_at)}, {_ago(now - began_at)}.</p>\n"


def _facts(view: IncidentView) -> str:
    """The description first, then where."""
    facts = [("alert", view.name), *((name, value) for name, value in view.incident.labels if name not in _HIDDEN)]
    if view.description and view.description != view.message:
        facts.insert(1, ("more", view.description))
    rows = "".join(
        f"<dt>{escape(_short(name))}</dt><dd>{escape(_short(fact))}</dd>\n" for name, fact in facts[:_MOST_FACTS]
    )
    return f"<dl>\n{rows}</dl>\n"


def _whole(title: str, body: str) -> str:
    return _PAGE.format(title=escape(title), style=STYLE, body=body)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}…"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%-d %b %H:%M UTC")


def _ago(seconds: float) -> str:
    """As people say it."""
    for unit_s, name in ((_DAY_S, "day"), (_HOUR_S, "hour"), (_MINUTE_S, "minute")):
        if seconds >= unit_s:
            count = int(seconds // unit_s)
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"
