"""Durations as Prometheus' configuration has them: PromQL's, and a bare 0.

Source: prometheus/common, model/time.go, ParseDuration.
"""

from lapbell_evaluator.promql import duration_seconds, duration_text

__all__ = ["format_duration", "parse_duration"]


def parse_duration(text: str) -> float:
    """Seconds of `1h30m`, `15s`, `0`.

    Raises:
        ValueError: it is none; the message says so.
    """
    seconds = 0.0 if text == "0" else duration_seconds(text)
    if seconds is None:
        raise ValueError(f"not a valid duration string: {text!r}")
    return seconds


def format_duration(seconds: float) -> str:
    """The canonical text."""
    return duration_text(seconds)
