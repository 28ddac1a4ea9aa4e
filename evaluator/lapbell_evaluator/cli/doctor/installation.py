"""The installation that `lapbell doctor` examines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lapbell_evaluator.config import Settings

__all__ = ["Installation"]


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation: its configuration, and how this command reaches its evaluator.

    Attributes:
        file: its configuration; None means defaults.
        settings: what the file and the environment say; None if they can't be used.
        trouble: why not, a line for each thing to mend.
        environ: the environment that the command was started in.
        url: of the evaluator's REST gate.
        is_named: somebody named the URL; otherwise it comes from the configuration.
        token: shown to the evaluator where it wants one; empty if there is none.
        version: of this command.
        now: Unix seconds.
    """

    file: Path | None
    settings: Settings | None
    trouble: str
    environ: Mapping[str, str]
    url: str
    is_named: bool
    token: str
    version: str
    now: float
