"""Every verb of the command line and every route of the REST gate, once, with one extra alone: `evaluator.py EXTRA`.

Run by scripts/check-extras with the Python of an environment in which nothing else is installed. It starts a real
evaluator on free ports, sends it the simplest request to each route of its OpenAPI document, long queries as forms too,
and runs each verb against it. Nothing may be answered with 5xx, and nothing may end with a traceback.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import typer

LAPBELL = Path(sysconfig.get_path("scripts")) / "lapbell"
READY = re.compile(r"ready: REST (\S+), OTLP/gRPC (\S+), OTLP/HTTP (\S+), admin token in (\S+)")
KEY = "0" * 16
RULES = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up == 0\n"
RULE_TESTS = "rule_files: [rules.yml]\ntests:\n- alert_rule_test: [{alertname: A, eval_time: 1m}]\n"
VERBS = {  # what follows each verb, and the exit codes that are right
    "alerts ack": ([KEY, "--why", "smoke"], {2}),
    "alerts history": ([], {0}),
    "alerts list": ([], {0}),
    "alerts resolve": ([KEY, "--why", "smoke"], {2}),
    "alerts show": ([KEY], {2}),
    "audit": ([], {0}),
    "check config": ([], {0}),
    "check rules": (["rules.yml"], {0}),
    "check schema": ([], {0}),
    "demo": (["--help"], {0}),
    "doctor": ([], {0, 1}),
    "history check": ([], {0, 2}),
    "history info": ([], {0}),
    "maintenance list": ([], {0}),
    "notify failed": ([], {0}),
    "notify routes": (["alertname=Slow"], {0}),
    "notify test": (["nobody"], {2}),
    "notify replay": (["--all", "--why", "smoke"], {0}),
    "openapi": ([], {0}),
    "query": (["1 + 1"], {0}),
    "rules show": ([], {0}),
    "runbook": (["RedisLatency"], {0}),
    "serve": (["--help"], {0}),  # it runs all the while
    "silence add": (["alertname=A", "--why", "smoke"], {0}),
    "silence expire": (["unknown"], {2}),
    "silence list": ([], {0}),
    "test rules": (["tests.yml"], {0}),
    "trace": ([KEY * 2], {2}),
}


def environment(folder: Path) -> dict[str, str]:
    listen = {f"LAPBELL_LISTEN__{gate}": "127.0.0.1:0" for gate in ("REST", "OTLP_GRPC", "OTLP_HTTP")}
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LAPBELL_DATA_DIR": str(folder / "data"), **listen}


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, str, str]]:
    """REST's and OTLP/HTTP's address, and the admin token."""
    log = folder / "log"
    with log.open("w") as written:
        process = subprocess.Popen([LAPBELL, "serve"], cwd=folder, env=environment(folder), stderr=written)
    try:
        while (ready := READY.search(log.read_text())) is None:
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            sys.exit(f"`lapbell serve` ended before it was ready:\n{log.read_text()}")
        rest, _, otlp_http, token_file = ready.groups()
        yield rest, otlp_http, (folder / token_file).read_text().strip()
    finally:
        process.terminate()
        process.wait(20)
        if "Traceback" in log.read_text():
            sys.exit(f"the evaluator's log has a traceback:\n{log.read_text()}")


def simplest(schema: dict[str, Any], whole: dict[str, Any]) -> object:
    """The least that a schema takes."""
    if "$ref" in schema:
        return simplest(whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]], whole)
    if schema.get("examples"):
        return schema["examples"][0]
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {name: simplest(schema["properties"][name], whole) for name in required}
        case "array":
            return [simplest(schema["items"], whole)]
        case "boolean":
            return False
        case "string":
            return "2100-01-01T00:00:00Z" if schema.get("format") == "date-time" else KEY
        case _:
            return 1


def requests(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and arguments for httpx, of each operation."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            query = {
                parameter["name"]: simplest(parameter["schema"], document)
                for parameter in operation.get("parameters", ())
                if parameter["in"] == "query" and parameter["required"]
            }
            arguments: dict[str, Any] = {"params": query}
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                body = simplest(content["schema"], document)
                arguments["data" if "form" in media_type else "json"] = body
            yield method.upper(), re.sub(r"\{\w+\}", KEY, path), arguments


def wrong_routes(rest: str, otlp_http: str, token: str) -> list[str]:
    headers = {"Authorization": f"Bearer {token}"}
    protobuf = {"Content-Type": "application/x-protobuf"}
    with httpx.Client(base_url=rest, headers=headers, trust_env=False, timeout=20) as client:
        document = client.get("/openapi.json").raise_for_status().json()
        answers = [client.request(method, path, **arguments) for method, path, arguments in requests(document)]
        answers += [
            client.post(f"{otlp_http}/v1/{signal}", headers=protobuf) for signal in ("metrics", "traces", "logs")
        ]
        answers.append(client.post("/api/v1/write"))
        answers.append(client.get("/openapi.json"))
        forms = [client.post(f"/api/v1/{path}", data={"query": "up"}) for path in ("query", "query_exemplars")]
    print(f"{len(answers) + len(forms)} requests to {len(document['paths'])} paths")
    return [
        *(
            f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
            for answer in answers
            if answer.is_server_error
        ),
        *(f"form to {answer.url}: {answer.status_code} {answer.text}" for answer in forms if not answer.is_success),
    ]


def wrong_runbooks(rest: str) -> list[str]:
    """Pages of shipped alerts that did not travel, or that a stranger with a link does not get."""
    from lapbell_evaluator.config import Thresholds
    from lapbell_evaluator.rules import shipped

    links = {dict(rule.annotations).get("runbook_url") for group in shipped(Thresholds()) for rule in group.rules}
    with httpx.Client(base_url=rest, headers={"Via": "1.1 x"}, trust_env=False, timeout=20) as client:
        answers = [client.get(path) for path in ["/runbooks", *sorted(link for link in links if link)]]
    print(f"{len(answers)} runbooks")
    return [f"{answer.url}: {answer.status_code} {answer.text}" for answer in answers if not answer.is_success]


def leaves(command: object, path: str = "") -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield path
    for name, verb in (inner or {}).items():
        yield from leaves(verb, f"{path} {name}".strip())


def wrong_verbs(folder: Path, rest: str, token: str) -> list[str]:
    from lapbell_evaluator.cli.verbs import app

    (folder / "rules.yml").write_text(RULES)
    (folder / "tests.yml").write_text(RULE_TESTS)
    untouched = set(leaves(typer.main.get_command(app))) ^ set(VERBS)
    wrong = [f"`lapbell {verb}` is not in the table, or no verb any more" for verb in sorted(untouched)]
    asked = environment(folder) | {"LAPBELL_URL": rest, "LAPBELL_TOKEN": token}
    for verb, (arguments, right) in VERBS.items():
        ran = subprocess.run(
            [LAPBELL, *verb.split(), *arguments],
            cwd=folder,
            env=asked,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if ran.returncode not in right or "Traceback" in ran.stderr or "ModuleNotFound" in ran.stdout + ran.stderr:
            wrong.append(f"`lapbell {verb}` ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    print(f"{len(VERBS)} verbs")
    return wrong


def wrong_database(folder: Path, extra: str) -> list[str]:
    """Without the driver of PostgreSQL the remedy names the extra; with it, what is missing is the server."""
    asked = environment(folder) | {"LAPBELL_DATABASE__URL": "postgresql+psycopg://nobody@127.0.0.1:9/none"}
    ran = subprocess.run(
        [LAPBELL, "serve"], cwd=folder, env=asked, capture_output=True, text=True, timeout=60, check=False
    )
    names_extra = "pip install 'lapbell[postgres]'" in ran.stderr
    is_right = ran.returncode != 0 and "Traceback" not in ran.stderr and names_extra is (extra != "postgres")
    return [] if is_right else [f"`lapbell serve` on PostgreSQL ended with {ran.returncode}:\n{ran.stderr}"]


def wrong_apprise(folder: Path, extra: str) -> list[str]:
    """Without Apprise the remedy names the extra; with it, what is missing is the service."""
    (folder / "apprise.yaml").write_text("receivers: [{name: ops, apprise: {url: 'json://127.0.0.1:9'}}]\n")
    ran = subprocess.run(
        [LAPBELL, "notify", "test", "ops", "-c", "apprise.yaml"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = "did not take a message" if extra == "apprise" else "pip install 'lapbell[apprise]'"
    is_right = ran.returncode != 0 and told in ran.stderr and "Traceback" not in ran.stderr
    return [] if is_right else [f"`lapbell notify test` by Apprise ended with {ran.returncode}:\n{ran.stderr}"]


def main(extra: str) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with serving(folder) as (rest, otlp_http, token):
            wrong = [*wrong_routes(rest, otlp_http, token), *wrong_runbooks(rest), *wrong_verbs(folder, rest, token)]
        wrong += wrong_database(folder, extra) + wrong_apprise(folder, extra)
    if extra == "demo":
        import lapbell_evaluator.demo.webhook_app
        import lapbell_evaluator.demo.worker  # noqa: F401
    print("\n".join(wrong) or f"lapbell[{extra}]: every verb and every route as wanted")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
