"""What tells one machine from another, by the resource conventions of hosts and containers."""

import functools
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lapbell import semconv

__all__ = ["Machine", "read_machine", "this_machine"]

_MACHINE_IDS: Final = ("etc/machine-id", "var/lib/dbus/machine-id")
_IN_CGROUP: Final = re.compile(r"(?:/|-|^)([0-9a-f]{64})(?:\.scope)?(?:$|/)", re.MULTILINE)
_IN_MOUNTS: Final = re.compile(r"/(?:containers|sandboxes|overlay-containers)/([0-9a-f]{64})/")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where this process runs.

    Attributes:
        host_name: as the kernel knows it; in a container usually the container's short id, or the pod's name.
        host_id: the machine's id, empty if it has none; images are often baked with one, so it is no identity alone.
        container_id: 64 hex digits, empty if this is no container that can be told.
    """

    host_name: str
    host_id: str
    container_id: str

    @property
    def resource(self) -> Mapping[str, str]:
        """Resource attributes."""
        names = {
            semconv.HOST_NAME: self.host_name,
            semconv.HOST_ID: self.host_id,
            semconv.CONTAINER_ID: self.container_id,
        }
        return {name: value for name, value in names.items() if value}

    def identity(self, *, is_limited: bool) -> Mapping[str, str]:
        """What a gauge carries in every process alike: the container where that is limited, else the host."""
        names = {semconv.HOST_NAME: self.host_name}
        if is_limited and self.container_id:
            names[semconv.CONTAINER_ID] = self.container_id
        else:
            names[semconv.HOST_ID] = self.host_id
        return {name: value for name, value in names.items() if value}


def read_machine(root: Path, host_name: str) -> Machine:
    """The machine whose files lie below `root`."""
    return Machine(
        host_name=host_name,
        host_id=next((text for file in _MACHINE_IDS if (text := _text(root / file))), ""),
        container_id=_container_id(root),
    )


@functools.cache
def this_machine() -> Machine:
    """The machine that this process runs on; it does not change."""
    return read_machine(Path("/"), socket.gethostname())


def _container_id(root: Path) -> str:
    """From the path of the control group; where that is hidden, from the files that the runtime mounts."""
    for file, pattern in (("proc/self/cgroup", _IN_CGROUP), ("proc/self/mountinfo", _IN_MOUNTS)):
        if match := pattern.search(_text(root / file)):
            return match.group(1)
    return ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
