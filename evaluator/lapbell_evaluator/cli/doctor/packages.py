"""The app's side: Python, the extras that are installed here and their versions, the machine's clock."""

import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.installation import Installation

__all__ = ["clock", "extras", "python"]

PYTHON: Final = Place("app.python", "Python")
EXTRAS: Final = Place("app.extras", "extras")
CLOCK: Final = Place("app.clock", "this machine's clock")
_DISTRIBUTION: Final = "lapbell"
_EXTRAS: Final = ("otlp", "fastapi", "redis", "evaluator")
_SLACK_S: Final = 60.0


def python() -> Finding:
    """Which Python this is; one that is too old can't run this."""
    return PYTHON.ok(f"{platform.python_version()} ({metadata.metadata(_DISTRIBUTION)['Requires-Python']} is needed)")


def extras() -> Iterator[Finding]:
    """Whether what each extra needs is there, in the versions that it names."""
    whole = []
    for extra in _EXTRAS:
        lacking, unfit = _looked_at(extra)
        remedy = f"pip install 'lapbell[{extra}]'"
        if unfit:
            yield EXTRAS.wrong(f"{extra}: {', '.join(unfit)}", remedy)
        elif lacking:
            yield EXTRAS.note(f"{extra}: {', '.join(lacking)} not installed here", f"Where the app runs: {remedy}")
        else:
            whole.append(extra)
    if whole:
        yield EXTRAS.ok(f"{', '.join(whole)} installed, in versions that fit")


def _looked_at(extra: str) -> tuple[list[str], list[str]]:
    """What is not installed, and what is in a version that does not fit."""
    lacking, unfit = [], []
    for requirement in map(Requirement, metadata.requires(_DISTRIBUTION) or ()):
        if (
            requirement.name == _DISTRIBUTION
            or requirement.marker is None
            or not requirement.marker.evaluate({"extra": extra})
        ):
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            lacking.append(requirement.name)
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            unfit.append(f"{requirement.name} {installed} is installed, {requirement.specifier} is needed")
    return lacking, unfit


def clock(installation: Installation) -> Finding:
    """Whether the clock was set back behind what was installed."""
    installed = Path(__file__).stat().st_mtime
    if installation.now < installed - _SLACK_S:
        message = f"stands before the time at which lapbell was installed, by {installed - installation.now:.0f} s"
        return CLOCK.wrong(message, "Set it right: chrony or timesyncd.")
    return CLOCK.ok("stands after the installation of lapbell")
