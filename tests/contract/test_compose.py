"""`docker-compose.yml` read as text: no Docker engine is needed to see what it would open, run as and mount."""

import re
from pathlib import Path

import pytest
import yaml

from lapbell_evaluator.config import load
from peers import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
VERSIONS = dict(
    line.split("=", 1)
    for line in (ROOT / ".env").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_parts_of_the_demo_are_services():
    assert set(SERVICES) == {"redis", "jaeger", "collector", "evaluator", "app", "worker"}


def test_every_version_is_pinned_in_dotenv_and_none_is_there_for_nothing():
    used = set(re.findall(r"\$\{([A-Z_]+)\}", TEXT))

    assert used == set(VERSIONS)
    assert [tag for tag in VERSIONS.values() if tag == "latest" or not re.search(r"\d+\.\d+", tag)] == []


def test_a_dockerfile_built_by_hand_has_the_same_versions():
    defaults = dict(re.findall(r"^ARG ([A-Z]+_TAG)=(.+)$", DOCKERFILE, re.MULTILINE))

    assert defaults == {name: VERSIONS[name] for name in defaults}
    assert defaults


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_open_to_this_machine_alone_and_confined(name):
    service = SERVICES[name]

    assert [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == []
    assert service["user"].split(":")[0] not in {"0", "root"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged", False)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"worker"}))  # the worker listens nowhere
def test_a_service_that_listens_is_asked_for_its_health(name):
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_the_stages_that_are_built_exist():
    stages = set(re.findall(r"^FROM .+ AS (\w+)$", DOCKERFILE, re.MULTILINE))

    assert {service["build"]["target"] for service in SERVICES.values() if "build" in service} <= stages


def test_the_collector_is_given_configurations_that_are_shipped():
    given = [Path(part).name for part in SERVICES["collector"]["command"] if part.endswith(".yaml")]

    assert given == ["otelcol.yaml", "token.yaml"]
    assert [name for name in given if not (ROOT / "collector-config" / name).exists()] == []


def test_the_evaluator_understands_its_environment():
    settings = load(None, SERVICES["evaluator"]["environment"])

    assert settings.listen.rest == "0.0.0.0:8740"
    assert settings.auth.ingest_token_file == Path("/run/secrets/ingest_token")
    assert settings.trace_url == "http://127.0.0.1:16686/trace/{trace_id}"


def test_tokens_come_as_secrets_that_the_script_makes_and_git_ignores():
    script = (ROOT / "scripts" / "make-tokens").read_text(encoding="utf-8")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    files = {Path(secret["file"]) for secret in COMPOSE["secrets"].values()}

    assert {file.parent for file in files} == {Path("secrets")}
    assert [file.name for file in files if file.name not in script] == []
    assert "secrets/" in ignored
