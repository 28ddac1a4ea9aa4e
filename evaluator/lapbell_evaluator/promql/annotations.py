"""What the engine wants a person to know about an answer."""

from dataclasses import dataclass, field

from lapbell_evaluator.promql.syntax.position import Position
from lapbell_evaluator.promql.syntax.quoting import quoted

__all__ = ["Annotations", "go_number"]


@dataclass(slots=True)
class Annotations:
    """Warnings and infos, each once; the texts are those of Prometheus, so that people find them there.

    Source: Prometheus 3.14, util/annotations/annotations.go.
    """

    warnings: dict[str, None] = field(default_factory=dict)
    infos: dict[str, None] = field(default_factory=dict)

    def warn(self, text: str, at: Position) -> None:
        """Something that makes the answer less than it seems."""
        self.warnings[f"PromQL warning: {text} ({at})"] = None

    def inform(self, text: str, at: Position) -> None:
        """Something that may be a mistake in the query."""
        self.infos[f"PromQL info: {text} ({at})"] = None

    def merge(self, other: "Annotations") -> None:
        """Take over another's."""
        self.warnings.update(other.warnings)
        self.infos.update(other.infos)

    def __bool__(self) -> bool:
        return bool(self.warnings or self.infos)

    def not_a_counter(self, metric: str, at: Position) -> None:
        """A rate of something whose name is not a counter's."""
        text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:"
        self.inform(f"{text} {quoted(metric)}", at)

    def mixed_range(self, metric: str, at: Position) -> None:
        """A range that holds floats and histograms."""
        self.warn(f"encountered a mix of histograms and floats for {_for_metric(metric)}", at)

    def mixed_aggregation(self, at: Position) -> None:
        """An aggregation of floats and histograms."""
        self.warn("encountered a mix of histograms and floats for aggregation", at)

    def mixed_schemas(self, metric: str, at: Position) -> None:
        """Exponential and custom buckets together."""
        text = "vector contains a mix of histograms with exponential and custom buckets schemas for"
        self.warn(f"{text} {_for_metric(metric)}", at)

    def quantile_out_of_range(self, quantile: float, at: Position) -> None:
        """A quantile that is not one."""
        self.warn(f"quantile value should be between 0 and 1, got {go_number(quantile)}", at)

    def bad_bucket_label(self, metric: str, label: str, at: Position) -> None:
        """A bucket whose `le` is no number."""
        end = f" for {_for_metric(metric)}" if metric else ""
        self.warn(f'bucket label "le" is missing or has a malformed value of {quoted(label)}{end}', at)

    def histograms_ignored(self, operation: str, at: Position) -> None:
        """An aggregation that takes floats only."""
        self.inform(f"ignored histogram in {operation} aggregation", at)

    def histograms_ignored_in_range(self, metric: str, at: Position) -> None:
        """A range function that takes floats only."""
        text = "ignored histograms in a range containing both floats and histograms for"
        self.inform(f"{text} {_for_metric(metric)}", at)

    def incompatible_types(self, left: str, op: str, right: str, at: Position) -> None:
        """An operator between a float and a histogram that does not exist."""
        text = "incompatible sample types encountered for binary operator"
        self.inform(f"{text} {quoted(op)}: {left} {op} {right}", at)

    def hints_collide(self, operation: str, at: Position) -> None:
        """Histograms of which one says that it was reset and another that it was not."""
        self.warn(f"conflicting counter resets during histogram {operation}", at)

    def bounds_reconciled(self, operation: str, at: Position) -> None:
        """Custom buckets with different bounds; the common ones are left."""
        self.inform(f"mismatched custom buckets were reconciled during {operation}", at)

    def not_a_counter_histogram(self, metric: str, at: Position) -> None:
        """A rate of a gauge histogram."""
        self.warn(f"this native histogram metric is not a counter: {quoted(metric)}", at)

    def not_a_gauge_histogram(self, metric: str, at: Position) -> None:
        """A difference of counter histograms."""
        self.warn(f"this native histogram metric is not a gauge: {quoted(metric)}", at)


def _for_metric(metric: str) -> str:
    return f"metric name {quoted(metric)}"


def go_number(value: float) -> str:
    """A number as Go's `%g` writes it."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.17g}" if float(f"{value:g}") != value else f"{value:g}"
