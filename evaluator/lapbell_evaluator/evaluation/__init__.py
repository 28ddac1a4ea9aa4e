"""Rules evaluated when they are due, and what becomes of their alerts written before it counts."""

from lapbell_evaluator.evaluation.annotator import Annotator
from lapbell_evaluator.evaluation.committer import AlertCommitter
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule
from lapbell_evaluator.evaluation.cycle import Cycle
from lapbell_evaluator.evaluation.figures import Figures
from lapbell_evaluator.evaluation.own_series import OwnSeries
from lapbell_evaluator.evaluation.ports import EvidenceCollector
from lapbell_evaluator.evaluation.provenance import Provenance
from lapbell_evaluator.evaluation.recorder import Recorder
from lapbell_evaluator.evaluation.registry import RuleRegistry
from lapbell_evaluator.evaluation.rule_evaluator import RuleEvaluator
from lapbell_evaluator.evaluation.runner import Runner

__all__ = [
    "AlertCommitter",
    "Annotator",
    "CompiledGroup",
    "CompiledRule",
    "Cycle",
    "EvidenceCollector",
    "Figures",
    "OwnSeries",
    "Provenance",
    "Recorder",
    "RuleEvaluator",
    "RuleRegistry",
    "Runner",
]
