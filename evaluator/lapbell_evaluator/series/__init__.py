"""The series in memory: interned labels, label tables, time-major rings."""

from lapbell_evaluator.series.append_result import AppendResult
from lapbell_evaluator.series.directory import slots_of
from lapbell_evaluator.series.exemplar_ring import ExemplarRing
from lapbell_evaluator.series.frame import AFTER, BEFORE, STALE_BITS, Frame, is_stale, stale_marker
from lapbell_evaluator.series.limits import Limits
from lapbell_evaluator.series.matcher import Matcher, MatchOp, full_match
from lapbell_evaluator.series.metadata import Metadata
from lapbell_evaluator.series.regex import RegexError, compiled
from lapbell_evaluator.series.selection import HistogramSeries, Selection, Spend, free
from lapbell_evaluator.series.shortage_log import ShortageLog
from lapbell_evaluator.series.store import OVERFLOW_REF, SeriesStore
from lapbell_evaluator.series.table import METADATA_LABELS, Column, Grouping, LabelTable, column_of

__all__ = [
    "AFTER",
    "BEFORE",
    "METADATA_LABELS",
    "OVERFLOW_REF",
    "STALE_BITS",
    "AppendResult",
    "Column",
    "ExemplarRing",
    "Frame",
    "Grouping",
    "HistogramSeries",
    "LabelTable",
    "Limits",
    "MatchOp",
    "Matcher",
    "Metadata",
    "RegexError",
    "Selection",
    "SeriesStore",
    "ShortageLog",
    "Spend",
    "column_of",
    "compiled",
    "free",
    "full_match",
    "is_stale",
    "slots_of",
    "stale_marker",
]
