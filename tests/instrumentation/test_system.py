"""Gauges of the machine: of the container where a control group limits it, with one identity for all processes."""

import json
from pathlib import Path

import pytest

from lapbell.resources import resource_of
from lapbell.system import Machine, System
from lapbell.system.cgroup import cpu_limit, memory_limit
from lapbell.system.machine import read_machine
from lapkit import python

CONTAINER = "3f" * 32
MEBIBYTE = 1_048_576


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return root


MEMORY_2 = {"memory.max": f"{64 * MEBIBYTE}", "memory.current": f"{40 * MEBIBYTE}"}
STAT_2 = {"memory.stat": f"anon 1\ninactive_file {8 * MEBIBYTE}"}
CPU_2 = {"cpu.max": "50000 100000", "cpu.stat": "usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000"}


def version_2(root: Path, group: str = "") -> Path:
    """A container that sees its own group as the root."""
    folder = f"sys/fs/cgroup/{group}".rstrip("/")
    own = {f"{folder}/{name}": text for name, text in (MEMORY_2 | STAT_2 | CPU_2).items()}
    return written(root, {"proc/self/cgroup": f"0::/{group}", "sys/fs/cgroup/cgroup.controllers": "cpu memory"} | own)


def version_1(root: Path) -> Path:
    """A container whose group has the path that it has outside, where the mount shows the group itself."""
    return written(
        root,
        {
            "proc/self/cgroup": f"4:memory:/docker/{CONTAINER}\n2:cpu,cpuacct:/docker/{CONTAINER}\n0::/",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{64 * MEBIBYTE}",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{40 * MEBIBYTE}",
            "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {8 * MEBIBYTE}",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpuacct/cpuacct.usage_user": "2000000000",
            "sys/fs/cgroup/cpuacct/cpuacct.usage_sys": "1000000000",
        },
    )


@pytest.mark.parametrize("tree", [version_2, version_1])
def test_limits_and_usage_of_a_container(tmp_path, tree):
    root = tree(tmp_path)
    cpu, memory = cpu_limit(root), memory_limit(root)
    assert cpu is not None
    assert memory is not None
    assert cpu.cpus == 0.5
    assert cpu.used_s() == {"user": 2.0, "system": 1.0}
    assert memory.limit == 64 * MEBIBYTE
    assert memory.used() == 32 * MEBIBYTE


def test_the_tightest_limit_of_a_group_and_those_above_it_counts(tmp_path):
    root = version_2(tmp_path, "pod/container")
    written(
        root,
        {
            "sys/fs/cgroup/pod/memory.max": f"{16 * MEBIBYTE}",
            "sys/fs/cgroup/pod/memory.current": "0",
            "sys/fs/cgroup/pod/cpu.max": "max 100000",
        },
    )
    cpu, memory = cpu_limit(root), memory_limit(root)
    assert cpu is not None
    assert memory is not None
    assert cpu.folder.name == "container"
    assert memory.folder.name == "pod"
    assert memory.limit == 16 * MEBIBYTE


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cgroup.controllers": "cpu memory"},
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory",
            "sys/fs/cgroup/cpu.max": "max 100000",
            "sys/fs/cgroup/memory.max": "max",
        },
        {
            "proc/self/cgroup": "4:memory:/\n1:cpu:/",
            "proc/meminfo": "MemTotal: 1000 kB",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        },
    ],
    ids=["no groups", "the root group", "no limits (2)", "no limits (1)"],
)
def test_a_host_without_limits_is_not_taken_for_a_container(tmp_path, files):
    root = written(tmp_path, files)
    assert cpu_limit(root) is None
    assert memory_limit(root) is None


def test_cpu_of_a_limited_container_is_the_share_of_its_limit(tmp_path):
    root, now = version_2(tmp_path), [100.0]
    machine = Machine("web-7f", "baked", CONTAINER)
    system = System(machine=machine, root=root, clock=lambda: now[0])
    first = list(system.observe("system.cpu.utilization"))
    now[0] += 10
    written(root, {"sys/fs/cgroup/cpu.stat": "user_usec 5000000\nsystem_usec 2000000"})
    cpu = {
        (seen.attributes or {})["cpu.mode"]: round(float(seen.value), 6)
        for seen in system.observe("system.cpu.utilization")
    }
    (memory,) = system.observe("system.memory.utilization")
    own = {"container.id": CONTAINER, "host.name": "web-7f"}
    assert first == []
    assert cpu == {"user": 0.6, "system": 0.2, "idle": 0.2}
    assert memory.value == 0.5
    assert dict(memory.attributes or {}) == {"system.memory.state": "used"} | own


def test_gauges_of_a_host_carry_its_id_and_its_name(tmp_path):
    system = System(machine=Machine("db-1", "baked", CONTAINER), root=tmp_path)
    (memory,), (disk,) = (list(system.observe(f"system.{what}.utilization")) for what in ("memory", "filesystem"))
    own = {"host.id": "baked", "host.name": "db-1"}
    assert [{name: (seen.attributes or {}).get(name) for name in own} for seen in (memory, disk)] == [own, own]


@pytest.mark.parametrize(
    ("files", "container"),
    [
        ({"proc/self/cgroup": f"4:memory:/docker/{CONTAINER}"}, CONTAINER),
        ({"proc/self/cgroup": f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{CONTAINER}.scope"}, CONTAINER),
        (
            {"proc/self/cgroup": "0::/", "proc/self/mountinfo": f"1 2 /var/lib/docker/containers/{CONTAINER}/hostname"},
            CONTAINER,
        ),
        ({"proc/self/cgroup": "0::/user.slice/user-1000.slice/session-1.scope"}, ""),
        ({}, ""),
    ],
)
def test_a_machine_is_known_by_the_conventions_of_hosts_and_containers(tmp_path, files, container):
    root = written(tmp_path, {"etc/machine-id": "0123", **files})
    assert read_machine(root, "web-7f") == Machine("web-7f", "0123", container)


def test_what_the_variables_say_of_the_resource_beats_what_is_found():
    class App:
        version = "2.4.1"

    said = {"OTEL_RESOURCE_ATTRIBUTES": "service.version=3,host.name=mine,team=a"}
    own = resource_of(App(), "bot", {}).attributes
    named = resource_of(App(), "bot", said).attributes
    assert {"service.name": "bot", "service.version": "2.4.1"}.items() <= own.items()
    assert "process.pid" in own
    assert own.keys() - named.keys() == {"service.version", "host.name"}


FORK = """
import json, os
import lapbell
from lapbell.process import process
from lapbell.providers import Providers
lapbell.setup(None)
read, write = os.pipe()
child = os.fork()
resource = process.find(Providers).tracer_provider.resource.attributes
if child == 0:
    os.write(write, json.dumps([os.getpid(), resource["process.pid"]]).encode())
    os._exit(0)
os.waitpid(child, 0)
print(json.dumps([[os.getpid(), resource["process.pid"]], json.loads(os.read(read, 100))]))
"""


def test_a_child_tells_its_own_process_id_after_a_fork():
    (own, told), (of_child, told_by_child) = json.loads(
        python(FORK, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    )
    assert told == own
    assert told_by_child == of_child
    assert own != of_child
