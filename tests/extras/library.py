"""What of the library works with one extra alone, and what says which extra it needs: `library.py EXTRA`.

Run by scripts/check-extras with the Python of an environment in which nothing else is installed. Each case has a
process of its own: `setup()` is called once per process.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import lapbell
from lapbell.errors import LapbellError

SILENT = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
NOBODY_LISTENS = "http://127.0.0.1:9"


def everything_public() -> None:
    for name in lapbell.__all__:
        getattr(lapbell, name)


def phases_of_any_asgi_app() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        with lapbell.phase("cache_lookup"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    watched_webhook(lapbell.setup(app, provider="twilio", environment=SILENT).app)


def a_fastapi_app() -> None:
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/webhook")
    async def webhook() -> None:
        with lapbell.phase("cache_lookup"):
            pass

    watched_webhook(lapbell.setup(app, provider="twilio", environment=SILENT).app)


def otlp_over_http() -> None:
    exporting("http/protobuf")


def otlp_over_grpc() -> None:
    exporting("grpc")


def redis_commands() -> None:
    lapbell.setup(redis=True, environment=SILENT)
    import redis

    try:
        redis.Redis(port=9).ping()
    except redis.ConnectionError:
        operations = lapbell.get_performance_monitor().get_redis_operation_summary()
        assert operations["total_operations"] == 1, operations


def a_queue_in_redis_lists() -> None:
    from lapbell.queues import RedisLists

    queue = RedisLists({"normal": "tasks"}, url="redis://127.0.0.1:9")
    unreachable: tuple[type[Exception], ...] = ()
    with contextlib.suppress(ImportError):
        import redis

        unreachable = (redis.ConnectionError,)
    with contextlib.suppress(*unreachable):
        queue.read(1.0)


def exporting(protocol: str) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY_LISTENS, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    lapbell.setup(service_name="smoke", environment=environment).shutdown(1.0)


def watched_webhook(app: Any) -> None:
    """One POST through the app, and what the monitor says of it."""
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    head = {"method": "POST", "path": "/webhook", "raw_path": b"/webhook", "query_string": b"", "headers": []}
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""}
    asyncio.run(app({**scope, **head, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}, receive, send))
    webhooks = lapbell.get_performance_monitor().get_webhook_timing_summary()
    assert messages[0]["status"] == 200, (messages, webhooks)
    assert webhooks["total_webhooks"] == 1, (messages, webhooks)


@dataclass(frozen=True)
class Case:
    """What is tried, with which extras it works, and what names the missing one otherwise."""

    attempt: Callable[[], None]
    works_with: frozenset[str]
    remedy: str = ""


EVERY = frozenset({"none", "otlp", "fastapi", "redis"})
CASES: Mapping[str, Case] = {
    case.attempt.__name__: case
    for case in (
        Case(everything_public, EVERY),
        Case(phases_of_any_asgi_app, EVERY),
        Case(a_fastapi_app, frozenset({"fastapi"}), "No module named 'fastapi'"),
        Case(otlp_over_http, EVERY - {"none"}, "pip install 'lapbell[otlp]'"),
        Case(otlp_over_grpc, EVERY - {"none"}, "pip install 'lapbell[otlp]'"),
        Case(redis_commands, frozenset({"redis"}), "pip install 'lapbell[redis]'"),
        Case(a_queue_in_redis_lists, frozenset({"redis"}), "pip install 'lapbell[redis]'"),
    )
}


def attempted(name: str) -> int:
    """Runs one case in this process; the exit code is 0 if it worked, 3 if a package is missing and it says which."""
    try:
        CASES[name].attempt()
    except (LapbellError, ModuleNotFoundError) as missing:
        print(missing)
        return 3
    return 0


def main(extra: str) -> int:
    wrong = []
    for name, case in CASES.items():
        ran = subprocess.run(
            [sys.executable, "-I", __file__, "--case", name], capture_output=True, text=True, timeout=60, check=False
        )
        said = ran.stdout + ran.stderr
        works = extra in case.works_with
        if ran.returncode != (0 if works else 3) or "Traceback" in said or (not works and case.remedy not in said):
            wrong.append(f"{name}: wanted {'success' if works else case.remedy}, got {ran.returncode} and\n{said}")
    print("\n".join(wrong) or f"lapbell[{extra}]: {len(CASES)} cases as wanted")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(attempted(sys.argv[2]) if sys.argv[1] == "--case" else main(sys.argv[1]))
