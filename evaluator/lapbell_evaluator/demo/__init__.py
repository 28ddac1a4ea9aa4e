"""A user of lapbell, played: a webhook app, its worker, traffic, and a slow phase now and then."""

from lapbell_evaluator.demo.director import play

__all__ = ["play"]
