"""A disk that is soon full."""

import os
import subprocess

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 8 MB; skipped where it cannot be mounted."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root only")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", tmp_path], check=False)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)
