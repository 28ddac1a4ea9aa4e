"""What clients of Alertmanager's API send.

Source: Alertmanager, api/v2/openapi.yaml.
"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, FailFast, Field

from lapbell_evaluator.alerts import check, matches
from lapbell_evaluator.api.text import Text
from lapbell_evaluator.model import AlertView, EvaluatorError, LabelMatcher

__all__ = ["Chosen", "PostedBodies", "PostedBody", "SilenceBody"]

LabelName = Annotated[Text, Field(min_length=1)]
LabelTexts = Annotated[dict[LabelName, Text], Field(max_length=1_000)]


def _is_web_address(url: str) -> str:
    """People follow it: `javascript:` and the like would run in their browsers."""
    if url and urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError("is no http or https URL; leave it out, or send one that people may follow")
    return url


class MatcherBody(BaseModel):
    """One condition on one label."""

    name: Text
    value: Text
    isRegex: bool  # noqa: N815 # Alertmanager's name
    isEqual: bool = True  # noqa: N815 # Alertmanager's name


class SilenceBody(BaseModel):
    """A silence to make, or with an id to change."""

    id: Annotated[Text, Field(max_length=100)] = ""
    matchers: Annotated[list[MatcherBody], FailFast(), Field(min_length=1, max_length=64)]
    startsAt: AwareDatetime  # noqa: N815 # Alertmanager's name
    endsAt: AwareDatetime  # noqa: N815 # Alertmanager's name
    createdBy: Text  # noqa: N815 # Alertmanager's name
    comment: Text


class PostedBody(BaseModel):
    """An alert that somebody else found."""

    labels: LabelTexts
    annotations: LabelTexts = {}
    startsAt: AwareDatetime | None = None  # noqa: N815 # Alertmanager's name
    endsAt: AwareDatetime | None = None  # noqa: N815 # Alertmanager's name
    generatorURL: Annotated[Text, AfterValidator(_is_web_address)] = ""  # noqa: N815 # Alertmanager's name


PostedBodies = Annotated[list[PostedBody], FailFast(), Field(max_length=5_000)]
"""A report of each that is wrong would be forty times as large as what was sent; Prometheus sends 256 at once."""


def _is_true_or_false(value: object) -> object:
    """Alertmanager takes what it does not know for false; a mistake that hides alerts is better told."""
    if value not in {"true", "false", "1", "0", True, False}:
        raise ValueError(f"{str(value)[:100]!r} is neither true nor false; send one of them, or leave it out")
    return value


def _is_pattern(receiver: str) -> str:
    try:
        check(_receiver_matcher(receiver))
    except EvaluatorError as error:
        raise ValueError(f"{error} It is a regular expression that the whole name must fit") from None
    return receiver


def _receiver_matcher(receiver: str) -> LabelMatcher:
    return LabelMatcher("receiver", receiver, is_regex=True, is_equal=True)


Flag = Annotated[bool, BeforeValidator(_is_true_or_false)]


class Chosen(BaseModel):
    """Which alerts are asked for.

    `muted` are those of maintenance windows. Every alert is processed as soon as it is there: `unprocessed` is read,
    and changes nothing, as in Alertmanager.
    """

    filter: list[str] = []
    receiver: Annotated[str, AfterValidator(_is_pattern)] | None = Field(
        default=None, description="A regular expression that the whole name of a receiver must fit."
    )
    active: Flag = True
    silenced: Flag = True
    inhibited: Flag = True
    unprocessed: Flag = True
    muted: Flag = True

    def names(self, receiver: str) -> bool:
        """Whether alerts of a receiver are asked for."""
        return self.receiver is None or matches([_receiver_matcher(self.receiver)], {"receiver": receiver})

    def admits(self, alert: AlertView) -> bool:
        """Whether an alert that matches the filter is asked for."""
        is_muted = bool(alert.silenced_by or alert.inhibited_by or alert.maintained_by)
        return (
            (self.silenced or not alert.silenced_by)
            and (self.inhibited or not alert.inhibited_by)
            and (self.muted or not alert.maintained_by)
            and (self.active or is_muted)
        )
