"""What can go wrong with a template."""

from typing import Final

from lapbell_evaluator.model import EvaluatorError

__all__ = ["MOST_CHARACTERS", "TemplateError"]

MOST_CHARACTERS: Final = 262_144
"""What a text may have, and each value on its way."""


class TemplateError(EvaluatorError):
    """The template can't be parsed, or can't be executed with this alert."""
