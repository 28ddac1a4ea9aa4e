"""Runbooks of the shipped rules: they travel with the code, and are read without a server or over REST."""

from lapbell_evaluator.runbooks.html import STYLE, as_html
from lapbell_evaluator.runbooks.runbook import LINK, Runbook, index, runbook, runbooks

__all__ = ["LINK", "STYLE", "Runbook", "as_html", "index", "runbook", "runbooks"]
