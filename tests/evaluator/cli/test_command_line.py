import subprocess
import sys
from pathlib import Path

import pytest
import yaml


def lapbell(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lapbell_evaluator", *arguments]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={"COLUMNS": "120", **(environ or {})},
        check=False,
    )


@pytest.fixture(scope="module")
def nobody_listens() -> str:
    return "http://127.0.0.1:9"


def test_help_names_the_verbs():
    answer = lapbell("--help")
    assert answer.returncode == 0
    assert [verb for verb in ("serve", "demo", "alerts", "rules", "check") if verb not in answer.stdout] == []


def test_the_shipped_rules_are_a_rule_file_with_the_configured_thresholds(tmp_path):
    config = tmp_path / "lapbell.yaml"
    config.write_text("thresholds: {webhook_response_time_warning: 0.75}\n")
    answer = lapbell("rules", "show", "--config", str(config))
    rules = [rule for group in yaml.safe_load(answer.stdout)["groups"] for rule in group["rules"]]
    warning = next(
        rule for rule in rules if rule.get("alert") == "WebhookResponseTime" and rule["labels"]["severity"] == "warning"
    )
    assert answer.returncode == 0
    assert warning["expr"].startswith("job_http_route:webhooks_over_750ms:percent1m > 5")


def test_a_wrong_configuration_ends_with_code_2_and_says_where(tmp_path):
    config = tmp_path / "lapbell.yaml"
    config.write_text("treshold: {}\n")
    answer = lapbell("check", "config", "--config", str(config))
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr == f"lapbell: {config}:1:1: unknown key `treshold`. Did you mean `thresholds`?\n"


def test_a_right_configuration_is_fine(tmp_path):
    config = tmp_path / "lapbell.yaml"
    config.write_text("rules: {interval: 1}\n")
    answer = lapbell("check", "config", environ={"LAPBELL_CONFIG": str(config)})
    assert answer.returncode == 0
    assert answer.stdout == f"{config}: fine\n"


def test_an_unreachable_evaluator_ends_with_code_4_and_the_remedy(nobody_listens):
    answer = lapbell("alerts", "list", environ={"LAPBELL_URL": nobody_listens})
    assert answer.returncode == 4
    assert "lapbell serve" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "verb", [("alerts", "resolve", "0" * 16), ("alerts", "ack", "0" * 16), ("silence", "add", "a=b")]
)
def test_a_change_without_a_reason_and_without_a_terminal_names_the_option(verb):
    answer = lapbell(*verb)
    assert answer.returncode == 2
    assert answer.stderr == 'lapbell: Nobody says why. Add --why "…": others will read it in the history.\n'


def test_usage_errors_end_with_code_2():
    assert lapbell("alerts", "resolve").returncode == 2


@pytest.mark.parametrize("gate", ["rest", "otlp_grpc", "otlp_http"])
def test_a_port_that_is_taken_is_told_with_its_key_and_without_a_traceback(tmp_path, free_tcp_port_in_use, gate):
    environ = {f"LAPBELL_LISTEN__{name}": "127.0.0.1:0" for name in ("REST", "OTLP_GRPC", "OTLP_HTTP")}
    environ |= {f"LAPBELL_LISTEN__{gate.upper()}": f"127.0.0.1:{free_tcp_port_in_use}"}
    answer = lapbell("serve", environ=environ | {"LAPBELL_DATA_DIR": str(tmp_path)})
    assert answer.returncode == 2
    assert "Can't listen on" in answer.stderr
    assert f"Set `listen.{gate}` to a free address." in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.fixture
def free_tcp_port_in_use():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_two_evaluators_do_not_share_a_database(tmp_path: Path):
    environ = {"LAPBELL_DATA_DIR": str(tmp_path), "PATH": ""}
    environ |= {f"LAPBELL_LISTEN__{gate}": "127.0.0.1:0" for gate in ("REST", "OTLP_GRPC", "OTLP_HTTP")}
    command = [sys.executable, "-m", "lapbell_evaluator", "serve"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        ready = next(line for line in first.stderr if "ready:" in line or "lapbell:" in line)
        second = lapbell("serve", environ=environ)
        first.terminate()
        first.stderr.read()
    assert "ready:" in ready
    assert second.returncode == 2
    assert "in use by another evaluator" in second.stderr
    assert first.returncode == 0


def test_what_serve_writes_is_for_this_user_alone(tmp_path: Path):
    folder = tmp_path / "state"
    environ = {"LAPBELL_DATA_DIR": str(folder), "PATH": ""}
    environ |= {f"LAPBELL_LISTEN__{gate}": "127.0.0.1:0" for gate in ("REST", "OTLP_GRPC", "OTLP_HTTP")}
    command = [sys.executable, "-m", "lapbell_evaluator", "serve"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, umask=0o022) as serving:
        assert serving.stderr is not None
        next(line for line in serving.stderr if "ready:" in line)
        files = [path for path in folder.rglob("*") if path.is_file()]
        open_to_others = {
            path.name: oct(path.stat().st_mode) for path in (folder, *files) if path.stat().st_mode & 0o77
        }
        serving.terminate()
        serving.stderr.read()
    assert {"admin.token", "alerts.db", "history.db"} <= {path.name for path in files}
    assert open_to_others == {}


RULES = """groups:
- name: own
  rules:
  - alert: Slow
    expr: up == 0
    for: 1m
"""


def test_rule_files_are_checked_with_the_place_of_each_error(tmp_path):
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(RULES)
    bad.write_text(RULES.replace("up == 0", "up == (0"))
    answer = lapbell("check", "rules", str(good), str(bad))
    assert answer.returncode == 1
    assert f"{good}: 1 rules, fine" in answer.stdout
    assert ":5:" in answer.stderr


def test_rules_that_write_the_same_series_are_a_hint_and_with_lint_fatal_an_exit_code_of_their_own(tmp_path):
    file = tmp_path / "rules.yml"
    file.write_text("groups: [{name: a, rules: [{record: b, expr: up}, {record: b, expr: up}]}]")
    lenient, strict = lapbell("check", "rules", str(file)), lapbell("check", "rules", "--lint-fatal", str(file))
    assert {lenient.returncode: lenient.stdout, strict.returncode: strict.stdout} == dict.fromkeys(
        (0, 3),
        f"{file}: 2 rules, fine\n  hint: 2 rules have the name b and the labels {{}}: they write the same series.\n",
    )


def test_unit_tests_of_rules_run_and_write_junit(tmp_path):
    (tmp_path / "rules.yml").write_text(RULES)
    case = tmp_path / "test.yml"
    case.write_text(
        "rule_files: [rules.yml]\ntests:\n- interval: 1m\n  input_series:\n  - series: up\n    values: 0x5\n"
        "  alert_rule_test:\n  - eval_time: 3m\n    alertname: Slow\n    exp_alerts: [{}]\n"
    )
    answer = lapbell("test", "rules", str(case), "--junit", str(tmp_path / "junit.xml"))
    assert answer.returncode == 0
    assert "SUCCESS" in answer.stdout
    assert "<testsuite" in (tmp_path / "junit.xml").read_text()


def test_history_that_is_not_there_is_told(tmp_path):
    answer = lapbell("history", "info", environ={"LAPBELL_DATA_DIR": str(tmp_path)})
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert answer.stderr.startswith("lapbell: ")
