"""`lapbell doctor`: looks at everything between an app and its alerts, and says what is wrong with it."""

from lapbell_evaluator.cli.doctor.verb import doctor

__all__ = ["doctor"]
