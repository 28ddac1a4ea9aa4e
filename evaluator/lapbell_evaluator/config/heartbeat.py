"""Where a sign of life goes: the section `heartbeat` of `lapbell.yaml`."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from lapbell_evaluator.config.section import HttpUrl, Seconds, Section

__all__ = ["HeartbeatSettings"]


class HeartbeatSettings(Section):
    """A dead man's switch, such as Healthchecks, is asked by GET as long as alerts would be told; it rings when not."""

    url: HttpUrl | None = Field(default=None, description="Of the check; it is a secret, see `url_file`.")
    url_file: Path | None = Field(default=None, description="A file with the URL, where it is a secret.")
    interval: Annotated[float, Field(ge=10, le=3_600, allow_inf_nan=False)] = Field(
        default=60.0, description="Seconds between two signs of life; let the switch wait for three of them."
    )
    timeout: Seconds = Field(default=10.0, description="Seconds for one.")

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give either url or url_file")
        return self
