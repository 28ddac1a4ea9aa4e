"""What the sections of `lapbell.yaml` are made of."""

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from lapbell_evaluator.alerts import MatcherError, parse_matchers

__all__ = [
    "Address",
    "HttpUrl",
    "LabelName",
    "LabelValue",
    "Matcher",
    "Messages",
    "Percent",
    "PlainUrl",
    "PriorityName",
    "Seconds",
    "Section",
]

_LAST_PORT: Final = 65_535


def _has_a_port(address: str) -> str:
    if int(address.rpartition(":")[2]) > _LAST_PORT:
        raise ValueError(f"the last port is {_LAST_PORT}")
    return address


def _is_http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("write a URL that begins with http:// or https:// and names a host")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("a URL has no spaces and no control characters")
    return url


def _has_no_query(url: str) -> str:
    if set(url) & set("?#"):
        raise ValueError("write the URL without ? and #: a path is put behind it")
    return url


def _is_whole_text(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds NUL or half of a surrogate pair")
    return text


def _is_matcher(text: str) -> str:
    try:
        parse_matchers(text)
    except MatcherError as error:
        raise ValueError(str(error)) from None
    return text


Address = Annotated[
    str,
    StringConstraints(pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\[\]]+):\d{1,5}$"),
    AfterValidator(_has_a_port),
    Field(description="host:port; port 0 takes a free one."),
]
HttpUrl = Annotated[str, AfterValidator(_is_http)]
PlainUrl = Annotated[HttpUrl, AfterValidator(_has_no_query)]
LabelName = Annotated[str, StringConstraints(min_length=1), AfterValidator(_is_whole_text)]
LabelValue = Annotated[str, AfterValidator(_is_whole_text)]
PriorityName = Annotated[str, StringConstraints(pattern=r"^[\w-]+$")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, description="Seconds.")]
Messages = Annotated[float, Field(gt=0, allow_inf_nan=False, description="Messages.")]
Percent = Annotated[float, Field(gt=0, le=100, description="Percent.")]

Matcher = Annotated[str, AfterValidator(_is_matcher), Field(description='Such as severity="critical".')]


class Section(BaseModel):
    """One section of the file: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _paths_can_be(cls, value: object) -> object:
        """No system has a path with NUL; asking for one raises where nobody expects it."""
        if any(
            isinstance(item, Path) and "\0" in str(item) for item in (value if isinstance(value, tuple) else (value,))
        ):
            raise ValueError("a path has no NUL")
        return value
