import os
import stat
from pathlib import Path

import pytest

from lapbell_evaluator.config import ConfigError, Settings, database_url, load, private_data_dir, read_tokens
from lapbell_evaluator.config.settings import Export
from lapbell_evaluator.config.tokens import read_headers
from lapbell_evaluator.model import UNKNOWN, Identity, InhibitRule, LabelMatcher, Role


def error_of(file: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, environ or {})
    return str(caught.value)


def write(folder: Path, text: str) -> Path:
    file = folder / "lapbell.yaml"
    file.write_text(text)
    return file


def test_without_a_file_the_defaults_are_the_seeds_thresholds():
    assert load(None, {}) == Settings()
    assert Settings().thresholds.webhook_response_time_critical == 3.0


def test_an_unknown_key_names_line_column_and_the_likely_key(tmp_path):
    file = write(tmp_path, "thresholds:\n  webhook_response_time_warnin: 2\n")
    assert error_of(file) == (
        f"{file}:2:3: unknown key `thresholds.webhook_response_time_warnin`. "
        "Did you mean `webhook_response_time_warning`?"
    )


def test_every_error_of_a_file_is_told_at_once(tmp_path):
    file = write(tmp_path, "listen: {rest: nowhere}\nrules: {interval: -1}\nextra: 1\n")
    assert [line.split(": ")[0] for line in error_of(file).splitlines()] == [
        f"{file}:1:10",
        f"{file}:2:9",
        f"{file}:3:1",
    ]


def test_a_template_that_can_not_be_used_is_refused_with_its_file_and_line(tmp_path):
    template = tmp_path / "message.md"
    template.write_text("{{ title }}\n{{ titel }}\n")
    file = write(tmp_path, f"receivers: [{{name: a, apprise: {{url: 'json://h', template: {template}}}}}]\n")
    assert f"{template}: 'titel' is undefined" in error_of(file)


@pytest.mark.parametrize(
    "kind", ["webhook: {url: T0PSECRET}", "apprise: {url: T0PSECRET}", "apprise: {uri: T0PSECRET}"]
)
def test_what_may_be_a_secret_of_a_receiver_is_not_repeated_in_an_error(tmp_path, kind):
    file = write(tmp_path, f"receivers:\n- {{name: a, {kind}}}\n")
    assert "T0PSECRET" not in error_of(file)


def test_a_key_given_twice_is_refused(tmp_path):
    file = write(tmp_path, "data_dir: a\ndata_dir: b\n")
    assert error_of(file) == f"{file}:2:1: `data_dir` stands here a second time. Keep one of them."


@pytest.mark.parametrize("text", ["a: [1", "- 1\n", "\t", "a: &x [*x]\n", "just text"])
def test_broken_yaml_is_told_with_its_place(tmp_path, text):
    file = write(tmp_path, text)
    assert error_of(file).startswith(str(file))


def test_a_missing_file_names_the_option(tmp_path):
    assert error_of(tmp_path / "no.yaml").endswith("No such file or directory. Name a readable file with --config.")


def test_the_environment_overrides_the_file(tmp_path):
    file = write(tmp_path, "listen: {rest: 127.0.0.1:1}\n")
    environ = {"LAPBELL_LISTEN__REST": "127.0.0.1:2", "LAPBELL_DATA_DIR": "x", "LAPBELL_URL": "http://elsewhere"}
    settings = load(file, environ)
    assert settings.listen.rest == "127.0.0.1:2"
    assert settings.data_dir == Path("x")


def test_a_wrong_variable_is_named(tmp_path):
    assert error_of(write(tmp_path, ""), {"LAPBELL_RULES__INTERVAL": "soon"}).startswith(
        "LAPBELL_RULES__INTERVAL: `rules.interval` = 'soon'"
    )


def test_the_admin_token_is_made_once_and_for_this_user_alone(tmp_path):
    settings = Settings(data_dir=tmp_path / "state")
    first, again = read_tokens(settings), read_tokens(settings)
    mode = stat.S_IMODE((tmp_path / "state" / "admin.token").stat().st_mode)
    assert first == again
    assert oct(mode) == "0o600"
    assert [first.identity_of(secret).name for role, secret in first.by_role if role is Role.ADMIN] == ["admin"]


def test_a_secret_file_that_others_may_read_is_refused_with_the_remedy(tmp_path):
    token = tmp_path / "viewer"
    token.write_text("secret\n")
    token.chmod(0o644)
    settings = Settings.model_validate({"data_dir": tmp_path, "auth": {"viewer_token_file": token}})
    with pytest.raises(ConfigError, match=rf"open to other users of this machine. chmod 600 {token}"):
        read_tokens(settings)


def test_a_secret_that_stands_for_two_roles_grants_both(tmp_path):
    secret = tmp_path / "both"
    secret.write_text("secret\n")
    secret.chmod(0o600)
    files = {"ingest_token_file": secret, "viewer_token_file": secret}
    tokens = read_tokens(Settings.model_validate({"data_dir": tmp_path, "auth": files}))
    assert tokens.identity_of("secret") == Identity("ingest+viewer", frozenset({Role.NOBODY, Role.INGEST, Role.VIEWER}))


def test_what_an_older_version_left_open_in_the_data_folder_is_closed(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    for name in ("alerts.db", "alerts.db-wal", "history.db", "admin.token"):
        (folder / name).touch()
        (folder / name).chmod(0o644)
    folder.chmod(0o755)
    private_data_dir(folder)
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in (folder, *folder.iterdir())}
    assert modes == {
        "state": "0o700",
        "alerts.db": "0o600",
        "alerts.db-wal": "0o600",
        "history.db": "0o600",
        "admin.token": "0o600",
    }


def test_a_folder_that_holds_other_files_too_keeps_its_mode(tmp_path):
    (tmp_path / "lapbell.yaml").touch()
    tmp_path.chmod(0o755)
    private_data_dir(tmp_path)
    assert oct(stat.S_IMODE(tmp_path.stat().st_mode)) == "0o755"


def test_an_unknown_token_is_nobody(tmp_path):
    assert read_tokens(Settings(data_dir=tmp_path)).identity_of("é") is UNKNOWN


def test_a_gate_beyond_loopback_without_auth_is_refused_with_the_remedy(tmp_path):
    settings = Settings.model_validate({"data_dir": tmp_path, "listen": {"otlp_grpc": "0.0.0.0:4317"}})
    with pytest.raises(ConfigError, match=r"Set auth.ingest_token_file, or listen on 127.0.0.1"):
        read_tokens(settings)


def test_an_empty_token_file_is_refused(tmp_path):
    (tmp_path / "ingest").write_text("\n")
    (tmp_path / "ingest").chmod(0o600)
    settings = Settings.model_validate({"data_dir": tmp_path, "auth": {"ingest_token_file": tmp_path / "ingest"}})
    with pytest.raises(ConfigError, match=r"ingest is empty. Write the secret into it"):
        read_tokens(settings)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file; run as an ordinary user")
def test_an_unreadable_token_file_is_refused(tmp_path):
    secret = tmp_path / "ingest"
    secret.write_text("x")
    secret.chmod(0)
    settings = Settings.model_validate({"data_dir": tmp_path, "auth": {"ingest_token_file": secret}})
    with pytest.raises(ConfigError, match="Permission denied"):
        read_tokens(settings)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:4317", "http://localhost:4318"])
def test_an_evaluator_does_not_export_to_itself(tmp_path, endpoint):
    told = error_of(write(tmp_path, f"export: {{endpoint: '{endpoint}'}}\n"))
    assert "alerts would come back to it and reach nobody. Name a Collector or another backend." in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1\nb: *x\n", "aliases (`*name`) are not read here"),
        ("? [a, b]\n: 1\n", "not valid YAML"),
        ("data_dir: 2026-99-99\n", "not valid YAML"),
        ("rules: {interval: 1.0e-9}\n", "`rules.interval`"),
        ("listen: {otlp_grpc: '127.0.0.1:99999'}\n", "the last port is 65535"),
        ("export: {endpoint: not a url}\n", "write a URL that begins with http:// or https:// and names a host"),
        ("trace_url: 'javascript:alert(1)//{trace_id}'\n", "`trace_url`"),
        ("thresholds: {redis_operation_warning: 5}\n", "redis_operation_warning = 5 is above redis_operation_critical"),
        ("alerting: {alertmanagers: ['am:9093']}\n", "1:28: `alerting.alertmanagers.0` = 'am:9093': write a URL"),
        ("inhibit_rules: [{equall: []}]\n", "unknown key `inhibit_rules.0.equall`. Did you mean `equal`?"),
        ("external_labels: {region: 5}\n", "`external_labels.region` = 5: input should be a valid string."),
        ('data_dir: "a\\0b"\n', "a path has no NUL"),
        ('rules: {files: ["a\\0b"]}\n', "a path has no NUL"),
        ("external_labels: {'': eu}\n", "at least 1 character"),
        ('external_labels: {region: "\\ud800"}\n', "holds NUL or half of a surrogate pair"),
        ("thresholds: {webhook_response_time_warning: .inf}\n", "`thresholds.webhook_response_time_warning`"),
    ],
)
def test_what_can_not_work_is_refused(tmp_path, text, told):
    assert told in error_of(write(tmp_path, text))


def test_an_unknown_variable_is_named(tmp_path):
    told = error_of(write(tmp_path, ""), {"LAPBELL_THRESHOLD__WEBHOOK": "1"})
    assert told.startswith("LAPBELL_THRESHOLD__WEBHOOK: unknown key `threshold`. Did you mean `thresholds`?")


def test_a_data_dir_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="Name a folder that this user may write to"):
        read_tokens(Settings(data_dir=tmp_path / "file"))


def test_the_database_is_sqlite_unless_a_url_is_given(tmp_path):
    secret = tmp_path / "url"
    secret.write_text("postgresql+psycopg://lapbell:secret@db/lapbell\n")
    secret.chmod(0o600)
    by_default = database_url(Settings(data_dir=Path("state")))
    from_file = database_url(Settings.model_validate({"database": {"url_file": secret}}))
    assert by_default == "sqlite:///state/alerts.db"
    assert from_file == "postgresql+psycopg://lapbell:secret@db/lapbell"


def test_a_wrong_matcher_is_told_once_with_its_place(tmp_path):
    file = write(tmp_path, "inhibit_rules:\n- source_matchers: ['a=~\"(\"']\n  target_matchers: [a=b]\n")
    assert error_of(file) == (
        f'{file}:2:21: `inhibit_rules.0.source_matchers.0` = \'a=~"("\': a=~"(": '
        "error parsing regexp: missing ): (: '('. The syntax is RE2's."
    )


FORMER = """\
inhibit_rules:
  - source_match: {severity: critical, text: 'a"b'}
    target_match_re: {severity: warning|info}
    equal: [job]
"""


def test_inhibit_rules_of_former_alertmanagers_are_told_how_to_be_written(tmp_path):
    file = write(tmp_path, FORMER)
    remedy = error_of(file).partition("Write ")[2].removesuffix(".")
    written = FORMER
    for former, now in zip(FORMER.splitlines()[1:3], remedy.split("; "), strict=True):
        written = written.replace(former.lstrip(" -"), now)
    assert error_of(file).startswith(f"{file}:2:5: `inhibit_rules.0` = ")
    assert load(write(tmp_path, written), {}).inhibit_rules[0].rule() == InhibitRule(
        (LabelMatcher("severity", "critical"), LabelMatcher("text", 'a"b')),
        (LabelMatcher("severity", "warning|info", is_regex=True),),
        ("job",),
    )


def test_inhibit_rules_are_written_as_alertmanagers(tmp_path):
    text = "inhibit_rules: [{source_matchers: ['a=b', 'c!~\"d|e\"'], target_matchers: [f=g], equal: [job]}]\n"
    (made,) = load(write(tmp_path, text), {}).inhibit_rules
    assert made.rule() == InhibitRule(
        (LabelMatcher("a", "b"), LabelMatcher("c", "d|e", is_regex=True, is_equal=False)),
        (LabelMatcher("f", "g"),),
        ("job",),
    )


@pytest.mark.parametrize(
    "url",
    ["ftp://ann:secret@am", "http://ann:secret@am:99999", "http://ann:p@ss:secret@am:0", "http://ann:secret@am/?x#y"]
    + [f"http://ann:secret@am{each}x" for each in (" ", "\\n", "\\0")],
)
def test_the_url_of_an_alertmanager_that_can_not_be_is_refused_without_its_password(tmp_path, url):
    with pytest.raises(ConfigError, match=r"alerting\.alertmanagers\.0") as caught:
        load(write(tmp_path, f'alerting: {{alertmanagers: ["{url}"]}}'), {})
    assert "secret" not in str(caught.value)


def test_certificates_of_every_otlp_exporter_are_used_where_no_setting_names_others(tmp_path):
    file = write(tmp_path, "export: {client_key_file: own.pem}")
    environ = {"OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "key.pem"}
    export = load(file, environ).export
    assert export == Export(ca_file=Path("ca.pem"), client_key_file=Path("own.pem"))


@pytest.mark.parametrize(
    "section",
    [
        "heartbeat: {url: 'https://switch.example/T0PSECRET', url_file: /x}",
        "heartbeat: https://switch.example/T0PSECRET",
        "receivers: ['https://hooks.example/T0PSECRET']",
        "receivers: [{name: chat, slack: 'https://hooks.example/T0PSECRET'}]",
        "receivers: [{name: chat, webhook: {url: 'https://x/', headers_file: ['Authorization: T0PSECRET']}}]",
        "export: {endpoint: ['https://ann:T0PSECRET@vendor.example']}",
        "database: {url: [T0PSECRET]}",
    ],
)
def test_a_slip_where_secrets_stand_is_told_without_what_was_written(tmp_path, section):
    said = error_of(write(tmp_path, f"{section}\n"))
    assert "T0PSECRET" not in said
    assert said.startswith(str(tmp_path))


@pytest.mark.parametrize("line", ["Authorization Bearer T0PSECRET", "x: a\0T0PSECRET", "x: T0PSECRETé", ": T0PSECRET"])
def test_lines_that_are_no_headers_are_refused_without_telling_them(tmp_path, line):
    file = tmp_path / "headers"
    file.write_text(f"{line}\n", encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"is no list of headers.*Write lines of `name: value`") as caught:
        read_headers("receivers, chat, headers_file", file)
    assert "T0PSECRET" not in str(caught.value)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_window_does_not_reach_to_where_the_calendar_ends(tmp_path, day):
    window = f"{{name: w, matchers: ['a=\"b\"'], schedule: '0 3 * * *', duration: 60, last_day: {day}}}"
    assert "last_day" in error_of(write(tmp_path, f"maintenance: [{window}]\n"))
