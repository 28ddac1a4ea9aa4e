"""What can go wrong with a template."""

from lapbell_evaluator.model import EvaluatorError

__all__ = ["TemplateError"]


class TemplateError(EvaluatorError):
    """The template can't be parsed, or can't be executed with this alert."""
