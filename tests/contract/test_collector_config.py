"""What stands in `collector-config/` is accepted by the Collector of our manifest, and is documented."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from lapbell import semconv
from peers import ROOT, SHIPPED_CONFIG, require

FOLDER = SHIPPED_CONFIG.parent
MANIFEST = FOLDER / "builder.yaml"
ADDITIONS = sorted(set(FOLDER.glob("*.yaml")) - {SHIPPED_CONFIG, MANIFEST})
# What the additions have no default for.
ENVIRONMENT = {
    "LAPBELL_VENDOR_ENDPOINT": "https://otlp.example.com",
    "LAPBELL_VENDOR_HEADERS": "{api-key: a-secret, x-dataset: webhooks}",
    "LAPBELL_INGEST_TOKEN_FILE": "/run/secrets/lapbell_ingest_token",
}


def validate(folder: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    options = [part for file in files for part in ("--config", str(file))]
    return subprocess.run(
        [require("otelcol"), "validate", *options],
        env={**os.environ, **ENVIRONMENT},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_collector_accepts_the_shipped_config(tmp_path):
    accepted = validate(tmp_path, SHIPPED_CONFIG)

    assert accepted.returncode == 0
    assert accepted.stderr == ""


@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda file: file.name)
def test_the_collector_accepts_each_addition_beside_the_shipped_config(tmp_path, addition):
    accepted = validate(tmp_path, SHIPPED_CONFIG, addition)

    assert accepted.returncode == 0
    assert accepted.stderr == ""


def test_the_collector_accepts_all_additions_at_once(tmp_path):
    accepted = validate(tmp_path, SHIPPED_CONFIG, *ADDITIONS)

    assert accepted.returncode == 0
    assert accepted.stderr == ""


def test_validation_would_tell_of_a_processor_that_is_not_in_the_manifest(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("processors: {k8sattributes: {}}\n", encoding="utf-8")

    refused = validate(tmp_path, SHIPPED_CONFIG, wrong)

    assert refused.returncode != 0
    assert "k8sattributes" in refused.stderr


def test_the_readme_names_every_variable_that_the_configs_read():
    configs = "".join(file.read_text(encoding="utf-8") for file in (SHIPPED_CONFIG, *ADDITIONS))
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert set(re.findall(r"LAPBELL_[A-Z_]+", configs)) == set(re.findall(r"`(LAPBELL_[A-Z_]+)`", readme))


def test_the_tail_rule_knows_every_command_that_waits_on_purpose():
    text = SHIPPED_CONFIG.read_text(encoding="utf-8")

    assert f'"^({"|".join(semconv.REDIS_BLOCKING_COMMANDS)})$"' in text


def test_the_pinned_modules_are_the_ones_that_the_manifest_asks_for():
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    asked = {module["gomod"] for kind, modules in manifest.items() if kind != "dist" for module in modules}
    pinned = (ROOT / "scripts" / "peers" / "otelcol" / "go.mod").read_text(encoding="utf-8").splitlines()

    assert asked - {line.strip() for line in pinned} == set()
