"""What may be opened from a message: URLs that end where they seem to, in any markup."""

import string
from typing import Final
from urllib.parse import quote, urlsplit

from lapbell_evaluator.messages.message import Link
from lapbell_evaluator.model import Incident

__all__ = ["incident_link", "web_link"]

_LONGEST: Final = 1_000
_KEPT: Final = "%/:?#@!$&+,;=~-._"
"""RFC 3986's reserved characters without brackets, quotes, parentheses and `*`, which end a URL in some markup."""
_HOST: Final = frozenset(string.ascii_letters + string.digits + ".-:[]")


def web_link(text: str, url: str) -> Link | None:
    """The link; None if it is no URL of the web, holds user and password, or is longer than 1,000 characters.

    Args:
        text: what it is called.
        url: of a rule, of the configuration or of ours: it may be anything.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or set(parts.netloc) - _HOST:
        return None
    if not url.isprintable():
        return None
    head = f"{parts.scheme}://{parts.netloc}"
    whole = head + quote(url[len(head) :], safe=_KEPT)
    return Link(text, whole) if len(whole) <= _LONGEST else None


def incident_link(external_url: str, incident: Incident) -> Link | None:
    """Where an incident is read; None if nobody said where people reach this evaluator."""
    return web_link("incident", f"{external_url}/api/performance/alerts/{incident.key}" if external_url else "")
