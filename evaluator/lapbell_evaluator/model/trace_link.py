"""Where a trace is looked at."""

__all__ = ["trace_link"]


def trace_link(trace_url: str | None, trace_id: str) -> str | None:
    """The link to a trace; None if nobody said where traces are looked at.

    Args:
        trace_url: with `{trace_id}` in it.
        trace_id: 32 hex digits.
    """
    return trace_url.replace("{trace_id}", trace_id) if trace_url else None
