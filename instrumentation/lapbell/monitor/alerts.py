"""Alerts, kept up to date from the evaluator's REST by a thread of their own: never a request on the app's loop."""

import asyncio
import inspect
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from lapbell import faults
from lapbell.errors import LapbellError
from lapbell.monitor.measurements import PerformanceAlert
from lapbell.process import process

__all__ = ["AlertHandler", "Alerts", "Evaluator"]

AlertHandler = Callable[[PerformanceAlert], Awaitable[None] | None]

INTERVAL_S: Final = 2.0
ANSWER_S: Final = 2.0
_ACTIVE: Final = frozenset({"firing"})


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Where the evaluator answers.

    Attributes:
        url: of its REST, without a slash at the end.
        token: for what changes state; empty if there is none.
    """

    url: str
    token: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Evaluator":
        """The evaluator that the environment names.

        Raises:
            LapbellError: it names none.
        """
        url = environment.get("LAPBELL_URL", "").rstrip("/")
        if not url:
            raise LapbellError(
                "alerts are the evaluator's: start one (`lapbell serve`) and set LAPBELL_URL to its REST,"
                " such as http://127.0.0.1:8740"
            )
        file = environment.get("LAPBELL_TOKEN_FILE")
        token = Path(file).read_text(encoding="utf-8").strip() if file else environment.get("LAPBELL_TOKEN", "")
        return cls(url, token)

    def active(self) -> list[PerformanceAlert]:
        """The incidents that fire, the worst first: what can be resolved."""
        answer = self._ask("GET", "/api/performance/alerts", None)
        return [_alert(incident) for incident in answer["alerts"] if incident["state"] in _ACTIVE]

    def resolve(self, alert_key: str, why: str) -> None:
        """Resolve an incident by hand."""
        self._ask("POST", f"/api/performance/alerts/{urllib.parse.quote(alert_key, safe='')}/resolve", {"reason": why})

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None) -> Any:  # noqa: ANN401 - JSON
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, content, headers, method=method)  # noqa: S310 - the user's own setting
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - as above
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refusal:
            reason = _reason(refusal.read(2_000).decode(errors="replace"))
            raise LapbellError(f"the evaluator refused {method} {self.url}{path} ({refusal.code}): {reason}") from None
        except (OSError, ValueError) as failure:
            raise LapbellError(f"no evaluator answers at {self.url} (LAPBELL_URL): {failure}") from None


def _reason(answer: str) -> str:
    """The message and the remedy of a refusal, or what was answered if it is none of the evaluator's."""
    try:
        problem = json.loads(answer)
        return f"{problem['message']} {problem.get('remedy', '')}".rstrip()
    except (ValueError, KeyError, TypeError):
        return answer


class Alerts:
    """A copy of the evaluator's active incidents.

    Args:
        environment: says where the evaluator is.
        interval_s: seconds between questions.
    """

    def __init__(self, environment: Mapping[str, str], interval_s: float = INTERVAL_S) -> None:
        self._environment = environment
        self._interval_s = interval_s
        self._handlers: list[AlertHandler] = []
        self._renew()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        """Know nothing, ask nobody."""
        self._lock = threading.Lock()
        self._is_stopped = False
        self._active: list[PerformanceAlert] = []
        self._notified: set[tuple[str, str]] = set()
        self._thread: threading.Thread | None = None
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._asked = threading.Event()
        self._failure: Exception | None = None

    def start(self) -> None:
        """Be ready to ask, should it have been stopped."""
        if self._is_stopped:
            self._renew()

    def stop(self) -> None:
        """Ask no longer."""
        self._is_stopped = True
        self._tasks.put(None)

    def add_handler(self, handler: AlertHandler) -> None:
        """Call a function, plain or async, on a thread of ours for every incident that fires or gets worse."""
        self._handlers.append(handler)
        self._begin()

    def active(self) -> list[PerformanceAlert]:
        """The incidents of the evaluator's last answer, the worst first: at most 4 s old, and the time of handlers.

        The first call waits for the evaluator's first answer, unless it comes from an event loop, where it answers
        what is known so far.

        Raises:
            LapbellError: no evaluator is named, or it did not answer the last question.
        """
        self._begin()
        if not _in_event_loop():
            self._asked.wait(ANSWER_S + 1)
        with self._lock:
            if self._failure is not None:
                raise self._failure
            return list(self._active)

    def resolve(self, alert_key: str, why: str) -> None:
        """Resolve an incident by hand; from an event loop it returns at once, and a refusal is logged.

        Raises:
            LapbellError: no evaluator is named, or it does not answer, or it refuses.
        """
        evaluator = self._begin()
        done: Future[None] = Future()

        def task() -> None:
            try:
                evaluator.resolve(alert_key, why)
                self._refresh(evaluator)
                done.set_result(None)
            except LapbellError as failure:
                faults.report("alert resolve", failure)
                done.set_exception(failure)

        self._tasks.put(task)
        if not _in_event_loop():
            done.result(3 * ANSWER_S)

    def _begin(self) -> Evaluator:
        evaluator = Evaluator.of(self._environment)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    name="lapbell-alerts", target=self._run, args=(evaluator, self._tasks), daemon=True
                )
                self._thread.start()
        return evaluator

    def _run(self, evaluator: Evaluator, tasks: "SimpleQueue[Callable[[], None] | None]") -> None:
        while True:
            try:
                self._refresh(evaluator)
            except Exception as failure:  # noqa: BLE001 - the evaluator may answer the next time
                faults.report("alerts", failure)
                self._failure = failure
            self._asked.set()
            try:
                task = tasks.get(timeout=self._interval_s)
            except Empty:
                continue
            if task is None:
                return
            task()

    def _refresh(self, evaluator: Evaluator) -> None:
        alerts = evaluator.active()
        with self._lock:
            self._active, self._failure = alerts, None
            firing = {(alert.alert_key, alert.severity): alert for alert in alerts if alert.state == "firing"}
            fresh = [alert for key, alert in firing.items() if key not in self._notified]
            self._notified = set(firing)
        for alert in fresh:
            for handler in tuple(self._handlers):
                _call(handler, alert)


def _call(handler: AlertHandler, alert: PerformanceAlert) -> None:
    try:
        answer = handler(alert)
        if inspect.isawaitable(answer):
            asyncio.run(_await(answer))
    except Exception as fault:  # noqa: BLE001 - one handler must not cost the others
        faults.report("alert handler", fault)


async def _await(answer: Awaitable[None]) -> None:
    await answer


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _alert(incident: Mapping[str, Any]) -> PerformanceAlert:
    return PerformanceAlert(
        alert_key=incident["alert_key"],
        alertname=incident["alertname"],
        category=incident["category"],
        severity=incident["severity"],
        state=incident["state"],
        message=incident["message"],
        metric_value=incident["metric_value"],
        threshold=incident["threshold"],
        timestamp=incident["started_at"],
        context=incident["labels"],
        phase_to_blame=incident["phase_to_blame"],
        trace_ids=tuple(incident["trace_ids"]),
        acknowledged=incident["acknowledged"],
    )
