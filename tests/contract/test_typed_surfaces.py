"""A seam is typed on both sides: rename a member of a room, and mypy fails wherever another room or a gate uses it."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EVALUATOR = Path("evaluator/lapbell_evaluator")
MESSAGE = re.compile(rf"^{EVALUATOR}/(\S+?):\d+: (?:error|note): (.*)$", re.MULTILINE)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Rename:
    """A member of a class that gets another name, and the files that use it across a seam."""

    file: str
    owner: str
    member: str
    users: frozenset[str]

    def plant(self, house: Path) -> None:
        path = house / EVALUATOR / self.file
        before, head, rest = re.split(rf"(\nclass {self.owner}\b)", path.read_text(), maxsplit=1)
        body, *others = re.split(r"(?=\n(?:@|class |def |async def ))", rest, maxsplit=1)
        planted, count = re.subn(rf"(def |self\.){self.member}\b", rf"\g<1>{self.member}_of_late", body)
        assert count, f"{self.owner} has no {self.member}"
        path.write_text(before + head + planted + "".join(others))


def rename(file: str, owner: str, member: str, *users: str) -> Rename:
    return Rename(file, owner, member, frozenset(users))


GATES = ("receiver/grpc_gate.py", "receiver/http_gate.py", "receiver/write_gate.py")
ROUTERS = ("alertmanager", "alerts", "build", "health", "history", "prometheus_route", "self_metrics", "summaries")
RENAMES = [
    rename("service/alert_service.py", "AlertService", "groups", "app.py"),
    rename("service/alert_service.py", "AlertService", "audit", "app.py"),
    rename("service/alert_service.py", "AlertService", "muting", "app.py"),
    rename("service/muting.py", "Muting", "put", "app.py"),
    rename("service/external_alerts.py", "ExternalAlerts", "post", "app.py"),
    rename("promql/engine.py", "Engine", "query_all", "app.py"),
    rename("series/store.py", "SeriesStore", "metadata", "app.py"),
    rename("series/exemplar_ring.py", "ExemplarRing", "select", "app.py"),
    rename("history/history.py", "History", "append", "app.py"),
    rename("database/database.py", "Database", "resolved", "service/alert_service.py"),
    rename("model/clock.py", "SystemClock", "now", "app.py"),
    rename("notify/delivery.py", "Delivery", "wake", "app.py"),
    rename("evidence/traces.py", "RecentTraces", "recent_timings", "api/recent.py"),
    rename("receiver/ingest.py", "Ingest", "take", "receiver/grpc_gate.py", "receiver/http_gate.py"),
    rename("receiver/ingest.py", "Ingest", "take_written", "receiver/write_gate.py"),
    rename("receiver/access.py", "Access", "check", *GATES),
    rename("api/access.py", "Access", "requires", *(f"api/{name}.py" for name in ROUTERS)),
    rename("cli/client.py", "Client", "post", "cli/alerts.py", "cli/silences.py"),
]


def rounds() -> list[list[Rename]]:
    """Renames that mypy can tell apart in one run: one of each room."""
    seen: Counter[str] = Counter()
    sorted_out: list[list[Rename]] = []
    for planned in RENAMES:
        room = planned.file.partition("/")[0]
        if seen[room] == len(sorted_out):
            sorted_out.append([])
        sorted_out[seen[room]].append(planned)
        seen[room] += 1
    return sorted_out


def messages(house: Path) -> set[tuple[str, str]]:
    """File and text of what mypy finds; what it knows of the sources it keeps from one run to the next."""
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--cache-dir",
            str(house.parent / "mypy"),
            "--no-pretty",
            "-p",
            "lapbell",
            "-p",
            "lapbell_evaluator",
        ],
        cwd=house,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert answer.returncode in (0, 1), answer.stdout + answer.stderr
    return set(MESSAGE.findall(answer.stdout))


def copied(folder: Path) -> Path:
    house = folder / "house"
    shutil.rmtree(house, ignore_errors=True)
    for source in ("instrumentation", "evaluator"):
        shutil.copytree(ROOT / source, house / source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", house)
    return house


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("typed")


def test_the_house_as_it_stands_is_typed(folder):
    assert messages(copied(folder)) == set()


@pytest.mark.parametrize("planned", rounds(), ids=lambda planned: "+".join(planted.member for planted in planned))
def test_a_renamed_member_fails_at_every_use(folder, planned):
    house = copied(folder)
    for planted in planned:
        planted.plant(house)
    found = messages(house)
    unnoticed = {
        f"{planted.owner}.{planted.member}": missed
        for planted in planned
        if (missed := {user for user in planted.users if not any(_names(planted, user, *message) for message in found)})
    }
    assert unnoticed == {}, "\n".join(f"{file}: {text}" for file, text in sorted(found))


def _names(planned: Rename, user: str, file: str, text: str) -> bool:
    """Whether a message is about a rename: it names the member, or the class that no longer fits a Protocol."""
    return file == user and re.search(rf"\b({planned.member}|{planned.owner})\b", text) is not None
