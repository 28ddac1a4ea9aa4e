"""Rules: the shipped ones, those of users' files, the analysis of their expressions, their templates."""

from lapbell_evaluator.rules.analysis import LOOKBACK_S, Analysis, analyse
from lapbell_evaluator.rules.checking import check_file
from lapbell_evaluator.rules.counted import Counted, counted
from lapbell_evaluator.rules.errors import RuleFileError
from lapbell_evaluator.rules.inlining import Recordings, recordings_before
from lapbell_evaluator.rules.printing import printed
from lapbell_evaluator.rules.reopening import REOPEN_WITHIN_S, reopen_within, with_reopen_within
from lapbell_evaluator.rules.rule_file import load
from lapbell_evaluator.rules.shipped import shipped

__all__ = [
    "LOOKBACK_S",
    "REOPEN_WITHIN_S",
    "Analysis",
    "Counted",
    "Recordings",
    "RuleFileError",
    "analyse",
    "check_file",
    "counted",
    "load",
    "printed",
    "recordings_before",
    "reopen_within",
    "shipped",
    "with_reopen_within",
]
