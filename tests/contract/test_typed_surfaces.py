"""A seam is typed on both sides: rename a method of a room, and mypy fails wherever another room or a gate calls it."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EVALUATOR = Path("evaluator/lapbell_evaluator")
ERROR = re.compile(rf"^{EVALUATOR}/(\S+?):\d+: error: ", re.MULTILINE)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class House:
    """A copy of the sources, to plant renames in; mypy keeps what it knows of them from one to the next."""

    root: Path

    def files_with_errors(self) -> set[str]:
        """Relative to the evaluator's package."""
        answer = subprocess.run(
            [sys.executable, "-m", "mypy", "--cache-dir", str(self.root / "cache"), "--no-pretty"],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert answer.returncode in (0, 1), answer.stdout + answer.stderr
        return set(ERROR.findall(answer.stdout))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    root = tmp_path_factory.mktemp("house")
    for source in ("instrumentation", "evaluator"):
        shutil.copytree(ROOT / source, root / source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return House(root)


def test_the_house_as_it_stands_is_typed(house):
    assert house.files_with_errors() == set()


# file, class, member, and where it is used across a seam
RENAMES = [
    ("evaluation/alert_service.py", "AlertService", "groups", {"app.py"}),
    ("evaluation/alert_service.py", "AlertService", "audit", {"app.py"}),
    ("evaluation/alert_service.py", "AlertService", "muting", {"app.py"}),
    ("evaluation/muting.py", "Muting", "put", {"app.py"}),
    ("evaluation/external_alerts.py", "ExternalAlerts", "post", {"app.py"}),
    ("promql/engine.py", "Engine", "query_all", {"app.py"}),
    ("series/store.py", "SeriesStore", "metadata", {"app.py"}),
    ("series/exemplar_ring.py", "ExemplarRing", "select", {"app.py"}),
    ("history/history.py", "History", "append", {"app.py"}),
    ("database/database.py", "Database", "resolved", {"evaluation/alert_service.py"}),
    ("model/clock.py", "SystemClock", "now", {"app.py"}),
    ("notify/delivery.py", "Delivery", "wake", {"app.py"}),
    ("evidence/traces.py", "RecentTraces", "recent_timings", {"api/recent.py"}),
    ("receiver/ingest.py", "Ingest", "take", {"receiver/grpc_gate.py", "receiver/http_gate.py"}),
    ("receiver/ingest.py", "Ingest", "take_written", {"receiver/write_gate.py"}),
    (
        "receiver/access.py",
        "Access",
        "check",
        {"receiver/grpc_gate.py", "receiver/http_gate.py", "receiver/write_gate.py"},
    ),
    (
        "api/access.py",
        "Access",
        "requires",
        {f"api/{name}.py" for name in ("alertmanager", "alerts", "build", "health", "history", "prometheus_route")}
        | {"api/self_metrics.py", "api/summaries.py"},
    ),
    ("api/ports.py", "AlertService", "history", {"api/alerts.py", "api/history.py"}),
    ("cli/client.py", "Client", "post", {"cli/alerts.py", "cli/silences.py"}),
]


@pytest.mark.parametrize(
    ("file", "owner", "member", "users"), RENAMES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_renamed_member_fails_at_every_use(house, file, owner, member, users):
    path = house.root / EVALUATOR / file
    source = path.read_text()
    path.write_text(renamed(source, owner, member))
    try:
        failing = house.files_with_errors()
    finally:
        path.write_text(source)
    assert users - failing == set(), f"{owner}.{member}: mypy fails in {sorted(failing)} alone"


def renamed(source: str, owner: str, member: str) -> str:
    """The source with another name for a method or an attribute of a class, in that class alone."""
    before, head, rest = source.partition(f"\nclass {owner}")
    body, *others = re.split(r"(?=\n(?:@|class |def |async def ))", rest, maxsplit=1)
    planted, count = re.subn(rf"(def |self\.){member}\b", rf"\g<1>{member}_of_late", body)
    assert count, f"{owner} has no {member}"
    return before + head + planted + "".join(others)
