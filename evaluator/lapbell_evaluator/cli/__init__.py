"""The verbs of the command `lapbell`."""

from lapbell_evaluator.cli.verbs import run

__all__ = ["run"]
