"""Why nobody answered, in a person's words."""

import httpx

__all__ = ["why"]


def why(error: Exception) -> str:
    """What kept an answer away."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    told = str(error) or type(error).__name__
    return "nobody listens" if "refused" in told.lower() or "attempts failed" in told else told
