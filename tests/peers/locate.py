"""Where the program of a peer is, or which command brings it."""

import os
import shutil
from pathlib import Path

import pytest

__all__ = ["ROOT", "require"]

ROOT = Path(__file__).parents[2]


def require(program: str) -> Path:
    """The program's path: what we built comes before what the system has; an absolute path is taken as it stands.

    Where it is missing, the test is skipped with the command that brings it; with `CI=true` it fails.
    """
    folders = [ROOT / ".peers" / "bin", *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    found = shutil.which(program, path=path)
    if found is not None:
        return Path(found)
    reason = f"{program} is not installed: run scripts/install-peers"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
