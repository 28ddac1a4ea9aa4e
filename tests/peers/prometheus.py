"""Prometheus on a free port: the oracle of our engine, and a store for remote write and OTLP."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from peers.locate import require
from peers.ports import free_port
from peers.process import Argv, Process, answers, running, scratch

__all__ = ["Prometheus", "prometheus"]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    port: int
    process: Process

    @property
    def url(self) -> str:
        """Where its HTTP API begins; without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def prometheus(config: str = "", *flags: str, program: str = "prometheus") -> Iterator[Prometheus]:
    """An empty Prometheus that takes remote write; scrapes nothing unless `config` (YAML) says so.

    The newest one found is run; `program="/usr/bin/prometheus"` names Debian's.
    """
    found = require(program)
    port = free_port()
    with scratch("prometheus") as folder:
        file = folder / "prometheus.yml"
        file.write_text(config, encoding="utf-8")
        argv: Argv = [
            found,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--web.enable-lifecycle",
            *flags,
        ]
        with running(argv, folder=folder, ready=answers(f"http://127.0.0.1:{port}/-/ready")) as process:
            yield Prometheus(port, process)
