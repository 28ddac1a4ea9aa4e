"""The annotations with the prefix `lapbell_`: what plain Prometheus rule files cannot say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model import EvaluatorError, OnError, OnNoData
from lapbell_evaluator.rules.duration import parse_duration

__all__ = [
    "ON_NO_DATA",
    "PREFIX",
    "RECOVERY_EXPR",
    "REOPEN_WITHIN",
    "WARM_AFTER",
    "ExtensionError",
    "Extensions",
    "read",
    "reopen_within_s",
]

PREFIX: Final = "lapbell_"
RECOVERY_EXPR: Final = "lapbell_recovery_expr"
ON_NO_DATA: Final = "lapbell_on_no_data"
ON_ERROR: Final = "lapbell_on_error"
WARM_AFTER: Final = "lapbell_warm_after"
REOPEN_WITHIN: Final = "lapbell_reopen_within"
_NAMES: Final = (RECOVERY_EXPR, ON_NO_DATA, ON_ERROR, WARM_AFTER, REOPEN_WITHIN)


class ExtensionError(EvaluatorError):
    """An annotation with our prefix that says nothing we know.

    Attributes:
        annotation: its name.
    """

    def __init__(self, annotation: str, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.annotation = annotation


@dataclass(frozen=True, slots=True)
class Extensions:
    """What a rule's annotations say to the evaluator; see `Rule` for each."""

    on_no_data: OnNoData = OnNoData.RESOLVE
    on_error: OnError = OnError.KEEP
    recovery_expr: str | None = None
    warm_after_s: float | None = None
    reopen_within_s: float | None = None


def read(annotations: Mapping[str, str]) -> Extensions:
    """The extensions among a rule's annotations.

    Raises:
        ExtensionError: an unknown name, or a value that is none of those it can have.
    """
    for name in annotations:
        if name.startswith(PREFIX) and name not in _NAMES:
            raise ExtensionError(name, f"{name} is not known.", f"Known are {', '.join(_NAMES)}.")
    warm_after = annotations.get(WARM_AFTER)
    return Extensions(
        on_no_data=OnNoData(_choice(annotations, ON_NO_DATA, [choice.value for choice in OnNoData], OnNoData.RESOLVE)),
        on_error=OnError(_choice(annotations, ON_ERROR, [choice.value for choice in OnError], OnError.KEEP)),
        recovery_expr=annotations.get(RECOVERY_EXPR),
        warm_after_s=None if warm_after is None else _duration(WARM_AFTER, warm_after),
        reopen_within_s=reopen_within_s(annotations),
    )


def reopen_within_s(annotations: Mapping[str, str]) -> float | None:
    """What they say of `lapbell_reopen_within`, in seconds; None if nothing.

    Raises:
        ExtensionError: no duration.
    """
    text = annotations.get(REOPEN_WITHIN)
    return None if text is None else _duration(REOPEN_WITHIN, text)


def _choice(annotations: Mapping[str, str], name: str, choices: list[str], default: str) -> str:
    value = annotations.get(name, default)
    if value not in choices:
        raise ExtensionError(name, f"{name}: {value!r} is not known.", f"Write one of {', '.join(choices)}.")
    return value


def _duration(name: str, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ExtensionError(name, f"{name}: {error}", "Write a duration such as 1m.") from None
