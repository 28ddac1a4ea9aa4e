"""Where the program of a peer is, or which command brings it."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

__all__ = ["ROOT", "require", "require_node_sdk"]

ROOT = Path(__file__).parents[2]


def require(program: str) -> Path:
    """The program's path: what we built comes before what the system has; an absolute path is taken as it stands.

    Where it is missing, the test is skipped with the command that brings it; with `CI=true` it fails.
    """
    folders = [ROOT / ".peers" / "bin", *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    found = shutil.which(program, path=path)
    return Path(found) if found is not None else _missing(program)


def require_node_sdk() -> Path:
    """The `node_modules` that holds OpenTelemetry's JavaScript SDK; missing as for `require`."""
    modules = ROOT / ".peers" / "node" / "node_modules"
    return modules if modules.is_dir() else _missing("OpenTelemetry's JavaScript SDK")


def _missing(part: str) -> NoReturn:
    reason = f"{part} is not installed: run scripts/install-peers"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
