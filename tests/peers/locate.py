"""Where the program of a peer is, or which command brings it."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

__all__ = ["ROOT", "require", "require_node_sdk"]

ROOT = Path(__file__).parents[2]
_BUILT = frozenset({"prometheus", "promtool"})


def require(program: str) -> Path:
    """The program's path: what we built comes before what the system has; an absolute path is taken as it stands.

    Where it is missing, the test is skipped with the command that brings it; with `CI=true` it fails.
    """
    folders = [ROOT / ".peers" / "bin", *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    found = shutil.which(program, path=path)
    if found is None:
        _missing(f"{program} is not installed")
    if program in _BUILT and not found.startswith(str(ROOT)):
        _missing(f"{found} may be too old, and the tests want the {program} that we build")
    return Path(found)


def require_node_sdk() -> Path:
    """The `node_modules` that holds OpenTelemetry's JavaScript SDK; missing as for `require`."""
    modules = ROOT / ".peers" / "node" / "node_modules"
    return modules if modules.is_dir() else _missing("OpenTelemetry's JavaScript SDK is not installed")


def _missing(what: str) -> NoReturn:
    reason = f"{what}: run scripts/install-peers"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
