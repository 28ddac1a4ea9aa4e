"""What `lapbell doctor` says of the configuration and of the data folder."""

import asyncio
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from doctor_kit import elsewhere, examined, gates_of, in_daemon_thread
from evaluator_kit import evaluator, feed


def test_a_broken_configuration_is_told_with_line_and_column_and_the_rest_goes_on(tmp_path):
    (tmp_path / "lapbell.yaml").write_text("rules: {interval: 1}\nexport:\n  endpiont: http://collector:4317\n")
    report = examined(tmp_path, LAPBELL_URL="http://127.0.0.1:9")
    assert report.code == 1
    assert report.of("configuration.file") == (
        "wrong",
        "lapbell.yaml:3:3: unknown key `export.endpiont`. Did you mean `endpoint`?",
        "Mend it, then `lapbell check config`.",
    )
    assert report.of("app.python")[0] == "ok"


def test_a_variable_with_one_underscore_too_few_is_found(tmp_path):
    report = examined(tmp_path, LAPBELL_LISTEN_OTLP_HTTP="127.0.0.1:5318", **elsewhere())
    warned = [each for each in report.findings if each["verdict"] == "warning"]
    assert warned[0]["found"] == "nothing reads LAPBELL_LISTEN_OTLP_HTTP"
    assert warned[0]["remedy"] == "Write two underscores: LAPBELL_LISTEN__OTLP_HTTP."


def test_a_rule_file_that_can_not_be_used_is_told_with_its_place(tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text("groups:\n- name: own\n  rules:\n  - alert: Slow\n    expr: up == (0\n")
    report = examined(tmp_path, LAPBELL_RULES__FILES=f"[{rules}]", **elsewhere())
    verdict, found, remedy = report.of("configuration.rules")
    assert verdict == "wrong"
    assert f"{rules}:5:" in found
    assert f"lapbell check rules {rules}" in remedy


def test_a_token_file_that_others_may_read_is_told(tmp_path):
    token = tmp_path / "ingest.token"
    token.write_text("secret\n")
    token.chmod(0o644)
    report = examined(tmp_path, LAPBELL_AUTH__INGEST_TOKEN_FILE=str(token), **elsewhere())
    assert report.of("configuration.tokens") == (
        "wrong",
        f"{token} has mode 0644: others may use it",
        f"chmod 600 {token}",
    )


def test_a_gate_open_to_strangers_is_told(tmp_path):
    report = examined(tmp_path, **elsewhere() | {"LAPBELL_LISTEN__OTLP_HTTP": "0.0.0.0:4318"})
    assert report.of("configuration.tokens")[2] == "Set auth.ingest_token_file, or listen on 127.0.0.1."


def test_a_data_dir_that_can_not_be_written_to_is_told(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o500)
    report = examined(tmp_path, before=without_privileges(), LAPBELL_DATA_DIR=str(data), **elsewhere())
    assert report.of("storage.data_dir")[:2] == ("wrong", f"{data}: this user may not write")


def without_privileges() -> list[str]:
    """Root may write anywhere, unless it gives that up."""
    if os.geteuid() != 0:
        return []
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("as root this needs setpriv: apt-get install util-linux")
    return [program, "--bounding-set", "-dac_override,-dac_read_search"]


def test_a_data_dir_that_is_a_file_is_told(tmp_path):
    (tmp_path / "data").write_text("")
    report = examined(tmp_path, LAPBELL_DATA_DIR=str(tmp_path / "data"), **elsewhere())
    assert report.of("storage.data_dir")[:2] == ("wrong", f"{tmp_path / 'data'} is not a folder")


async def test_a_damaged_history_is_told(tmp_path):
    async with evaluator(tmp_path / "data"):
        pass
    history = tmp_path / "data" / "history.db"
    history.write_bytes(b"not SQLite's" + history.read_bytes()[12:])
    report = await in_daemon_thread(examined, tmp_path, LAPBELL_DATA_DIR=str(tmp_path / "data"), **elsewhere())
    verdict, found, remedy = report.of("storage.history")
    assert verdict == "wrong"
    assert found == f"{history}: file is not a database"
    assert "lapbell history check --repair" in remedy


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {each.name: (each.stat().st_mtime_ns, each.read_bytes()) for each in folder.iterdir()}


async def test_nothing_is_written_into_the_data_dir(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await feed(client, addresses)
    before = everything(tmp_path / "data")
    report = await in_daemon_thread(examined, tmp_path, LAPBELL_DATA_DIR=str(tmp_path / "data"), **elsewhere())
    assert report.of("storage.history")[0] == "ok"
    assert report.of("storage.alerts")[0] == "ok"
    assert everything(tmp_path / "data") == before


async def test_what_a_killed_evaluator_left_is_read_with_its_log_and_not_changed(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await feed(client, addresses)
        await in_daemon_thread(shutil.copytree, tmp_path / "data", tmp_path / "left")
    before = everything(tmp_path / "left")
    report = await in_daemon_thread(examined, tmp_path, LAPBELL_DATA_DIR=str(tmp_path / "left"), **elsewhere())
    after = everything(tmp_path / "left")
    own = [name for name in before if not name.endswith("-shm")]  # SQLite's index of the log, no data
    assert "history.db-wal" in own
    assert report.of("storage.history")[0] == "ok"
    assert {name: after[name] for name in own} == {name: before[name] for name in own}


async def test_an_evaluator_at_work_is_not_kept_waiting(tmp_path):
    async with evaluator(tmp_path / "data") as (client, addresses):
        await asyncio.gather(
            in_daemon_thread(examined, tmp_path, **gates_of(addresses, tmp_path / "data")),
            *(feed(client, addresses) for _ in range(5)),
        )
        with sqlite3.connect(tmp_path / "data" / "history.db") as reader:
            (kept,) = reader.execute("SELECT count(*) FROM tail").fetchone()
    assert kept > 0
