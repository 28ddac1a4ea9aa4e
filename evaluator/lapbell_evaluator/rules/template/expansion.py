"""Templates of alerts: what they can say, and how their queries are answered.

Execution is pure: a query that is not answered yet stops it with `QueryNeeded`, and the caller asks and tries again.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from lapbell_evaluator.model import EvaluatorError, Histogram, Labels, QueryResult, Sample
from lapbell_evaluator.rules.template.builtins import BUILTINS
from lapbell_evaluator.rules.template.errors import TemplateError
from lapbell_evaluator.rules.template.execute import Executor
from lapbell_evaluator.rules.template.functions import FUNCTIONS
from lapbell_evaluator.rules.template.parser import Template, parse
from lapbell_evaluator.rules.template.values import AlertFields, Value, VectorSample

__all__ = ["Context", "QueryNeeded", "check", "expand", "rendered"]

_NAMES: Final = frozenset((*FUNCTIONS, *BUILTINS, "query", "now", "externalURL", "pathPrefix", "and", "or"))
_VARIABLES: Final = ("$labels", "$externalLabels", "$externalURL", "$value")
_MOST_QUERIES: Final = 50
_FAULTS: Final = (ArithmeticError, ValueError, RecursionError, MemoryError)
"""What a value nobody thought of raises: it spoils this text, never the evaluation of its group."""

_COMMON: Final[dict[str, Callable[..., Value]]] = {**BUILTINS, **FUNCTIONS}


class QueryNeeded(Exception):  # noqa: N818 -- asks for an answer, is no error
    """The template asks a question that has no answer yet."""

    def __init__(self, expr: str) -> None:
        super().__init__(expr)
        self.expr = expr


@dataclass(frozen=True, slots=True)
class Context:
    """What a template refers to.

    Attributes:
        labels: of the sample, with its name if it has one.
        value: of the sample; a native histogram if that is its value.
        time: Unix seconds of the evaluation.
        external_labels: of the evaluator.
        external_url: where the evaluator is reached.
        answers: to the queries that the template asks, by their text.
    """

    labels: Labels
    value: float | Histogram
    time: float
    external_labels: Labels = ()
    external_url: str = ""
    answers: Mapping[str, QueryResult] = field(default_factory=dict)


def check(text: str) -> None:
    """Whether a template can be parsed.

    Raises:
        TemplateError: it can't; with its line.
    """
    _parsed(text)


def expand(text: str, context: Context) -> str:
    """The text of a template.

    Raises:
        TemplateError: it can't be parsed or executed.
        QueryNeeded: a query has no answer yet.
    """
    if "{{" not in text:
        return text
    labels: Value = dict(context.labels)
    external: Value = dict(context.external_labels)
    variables: dict[str, Value] = {
        "$labels": labels,
        "$externalLabels": external,
        "$externalURL": context.external_url,
        "$value": context.value,
    }
    dot = AlertFields(
        {
            "Labels": labels,
            "ExternalLabels": external,
            "ExternalURL": context.external_url,
            "Value": context.value,
        }
    )
    try:
        return Executor(_parsed(text), _COMMON, _contextual(context), dot, variables).run()
    except _FAULTS as error:
        raise TemplateError(f"{type(error).__name__}: {error}") from None


async def rendered(text: str, context: Context, ask: Callable[[str], Awaitable[QueryResult]]) -> str:
    """The text of a template, its queries answered by `ask`; an error becomes text, as Prometheus has it."""
    asking = context
    while True:
        try:
            return expand(text, asking)
        except QueryNeeded as needed:
            if len(asking.answers) >= _MOST_QUERIES:
                return f"<error expanding template: more than {_MOST_QUERIES} queries>"
            try:
                asking = replace(asking, answers={**asking.answers, needed.expr: await ask(needed.expr)})
            except EvaluatorError as error:
                return f"<error expanding template: query {needed.expr!r}: {error}>"
        except TemplateError as error:
            return f"<error expanding template: {error.message}>"


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Template:
    return parse(text, _NAMES, _VARIABLES)


def _contextual(context: Context) -> Mapping[str, Callable[..., Value]]:
    def query(expr: Value) -> Value:
        if not isinstance(expr, str):
            raise TemplateError("wrong type for value; expected string")
        answer = context.answers.get(expr)
        if answer is None:
            raise QueryNeeded(expr)
        return [_sample(sample) for sample in answer.samples]

    return {
        "query": query,
        "now": lambda: math.floor(context.time * 1000) / 1000,
        "externalURL": lambda: context.external_url,
        "pathPrefix": lambda: urlsplit(context.external_url).path,
    }


def _sample(sample: Sample) -> VectorSample:
    return VectorSample(dict(sample.labels), sample.value if sample.histogram is None else sample.histogram)
