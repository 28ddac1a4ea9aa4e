"""The library's errors; each message says what, where and the remedy."""

__all__ = ["LapbellError"]


class LapbellError(Exception):
    """What lapbell raises at set-up; it never raises into a running request."""
