"""Unit tests of rules, in promtool's file format.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
"""

from lapbell_evaluator.rule_tests.report import junit, shown
from lapbell_evaluator.rule_tests.runner import run_file

__all__ = ["junit", "run_file", "shown"]
