"""Alertmanager on a free port, a cluster of one."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from peers.locate import require
from peers.ports import free_port
from peers.process import Argv, Process, answers, running, scratch

__all__ = ["Alertmanager", "alertmanager"]

_SILENT_CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A running Alertmanager."""

    port: int
    process: Process

    @property
    def url(self) -> str:
        """Where its pages and its API begin; without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def alertmanager(config: str = _SILENT_CONFIG, port: int | None = None) -> Iterator[Alertmanager]:
    """An empty Alertmanager that tells nobody, unless `config` (YAML) says so; on a free port if none is given."""
    program = require("prometheus-alertmanager")
    port = free_port() if port is None else port
    with scratch("alertmanager") as folder:
        file = folder / "alertmanager.yml"
        file.write_text(config, encoding="utf-8")
        argv: Argv = [
            program,
            f"--config.file={file}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        with running(argv, folder=folder, ready=answers(f"http://127.0.0.1:{port}/-/ready")) as process:
            yield Alertmanager(port, process)
