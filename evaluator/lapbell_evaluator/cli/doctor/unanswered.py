"""Why nobody answered, in a person's words."""

import httpx

__all__ = ["why_unanswered"]


def why_unanswered(error: Exception) -> str:
    """What kept an answer away."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    text = str(error) or type(error).__name__
    return "nobody listens" if "refused" in text.lower() or "attempts failed" in text else text
