"""What clients of Alertmanager's API send.

Source: Alertmanager, api/v2/openapi.yaml.
"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from lapbell_evaluator.api.text import Text
from lapbell_evaluator.model import AlertView

__all__ = ["Chosen", "PostedBody", "SilenceBody"]

LabelName = Annotated[Text, Field(min_length=1)]


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

    id: Text = ""
    matchers: list[MatcherBody] = Field(min_length=1)
    startsAt: AwareDatetime  # noqa: N815 # Alertmanager's name
    endsAt: AwareDatetime  # noqa: N815 # Alertmanager's name
    createdBy: Text  # noqa: N815 # Alertmanager's name
    comment: Text


class PostedBody(BaseModel):
    """An alert that somebody else found."""

    labels: dict[LabelName, Text]
    annotations: dict[LabelName, Text] = {}
    startsAt: AwareDatetime | None = None  # noqa: N815 # Alertmanager's name
    endsAt: AwareDatetime | None = None  # noqa: N815 # Alertmanager's name
    generatorURL: Annotated[Text, AfterValidator(_is_web_address)] = ""  # noqa: N815 # Alertmanager's name


class Chosen(BaseModel):
    """Which alerts are asked for."""

    filter: list[str] = []
    active: bool = True
    silenced: bool = True
    inhibited: bool = True

    def admits(self, alert: AlertView) -> bool:
        """Whether an alert that matches the filter is asked for."""
        is_muted = bool(alert.silenced_by or alert.inhibited_by)
        return (
            (self.silenced or not alert.silenced_by)
            and (self.inhibited or not alert.inhibited_by)
            and (self.active or is_muted)
        )
