"""Alerts, kept up to date from the evaluator's REST by a thread of their own: never a request on the app's loop."""

import asyncio
import inspect
import json
import re
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
from lapbell.monitor.measurements import BlamedPhase, PerformanceAlert
from lapbell.process import process

__all__ = ["AlertHandler", "Alerts", "Evaluator"]

AlertHandler = Callable[[PerformanceAlert], Awaitable[None] | None]

DEFAULT_URL: Final = "http://127.0.0.1:8740"
DEFAULT_TOKEN_FILE: Final = Path(".lapbell/admin.token")
INTERVAL_S: Final = 2.0
ANSWER_S: Final = 2.0
_ACTIVE: Final = frozenset({"firing", "recovering"})
_UNKNOWN_ALERT: Final = "no_such_alert"  # the evaluator's code, as the next
_INVALID: Final = "invalid_request"
_KEY: Final = re.compile("[0-9a-f]{16}")


class _RefusedError(LapbellError):
    """The evaluator, or whoever answers in its place, refused.

    Args:
        message: for people.
        code: the evaluator's own, empty if somebody else answered.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


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
        """The evaluator that the environment names; the one on this machine if it names none.

        That one's token is read where `lapbell serve` makes it in the working directory, and is sent nowhere else.

        Raises:
            LapbellError: the token file can't be read, or a variable makes no sense.
        """
        url, token = check_variables(environment)
        file = environment.get("LAPBELL_TOKEN_FILE", "")
        if not file and not token and not url and DEFAULT_TOKEN_FILE.exists():
            file = str(DEFAULT_TOKEN_FILE)
        try:
            read = Path(file).read_text(encoding="utf-8").strip() if file else token
        except (OSError, ValueError) as failure:
            raise LapbellError(f"the token file {file} can't be read: {failure} (LAPBELL_TOKEN_FILE)") from None
        return cls(url or DEFAULT_URL, _checked_token(read, f"the token in {file}" if file else "LAPBELL_TOKEN"))

    def active(self) -> tuple[list[PerformanceAlert], frozenset[str]]:
        """The incidents that fire or recover, the worst first: what can be resolved; and the keys of quiet ones."""
        answer = self._ask("GET", "/api/performance/alerts", None)
        active = [incident for incident in answer["alerts"] if incident["state"] in _ACTIVE]
        return [*map(_alert, active)], frozenset(incident["alert_key"] for incident in active if _is_quiet(incident))

    def resolve(self, alert_key: str, why: str) -> None:
        """Resolve an incident by hand.

        Raises:
            LapbellError: there is no such alert, the evaluator refuses, or does not answer.
        """
        path = f"/api/performance/alerts/{urllib.parse.quote(alert_key, safe='')}/resolve"
        try:
            self._ask("POST", path, {"reason": why})
        except _RefusedError as refusal:
            is_malformed = refusal.code == _INVALID and not _KEY.fullmatch(alert_key)
            if refusal.code == _UNKNOWN_ALERT or is_malformed:
                raise LapbellError(f"no such alert: {alert_key!r}; get_active_alerts() lists those that fire") from None
            raise

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
            code, reason = _problem(refusal.read(2_000).decode(errors="replace"))
            message = f"the evaluator refused {method} {self.url}{path} ({refusal.code}): {reason}"
            raise _RefusedError(message, code) from None
        except (OSError, ValueError) as failure:
            raise LapbellError(
                f"no evaluator answers at {self.url}: {failure}. Start one with `lapbell serve`, or set LAPBELL_URL to"
                f" its REST, such as {DEFAULT_URL}"
            ) from None


def _problem(answer: str) -> tuple[str, str]:
    """The code of a refusal, and its message with the remedy; of one that is none of the evaluator's, its text."""
    try:
        problem = json.loads(answer)
        return str(problem.get("code", "")), f"{problem['message']} {problem.get('remedy', '')}".rstrip()
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", answer


def check_variables(environment: Mapping[str, str]) -> tuple[str, str]:
    """The evaluator's URL and the token that the environment names, both empty if it names none; no file is read.

    Raises:
        LapbellError: one of them makes no sense.
    """
    url = environment.get("LAPBELL_URL", "").strip().rstrip("/")
    try:
        parts = urllib.parse.urlsplit(url)
        is_sensible = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_sensible = False
    if url and not (is_sensible and url.isascii() and url.isprintable() and " " not in url):
        raise LapbellError(f"LAPBELL_URL is {url!r}: write the URL of the evaluator's REST, such as {DEFAULT_URL}")
    return url, _checked_token(environment.get("LAPBELL_TOKEN", ""), "LAPBELL_TOKEN")


def _checked_token(token: str, name: str) -> str:
    """The token, which is not quoted where it is wrong."""
    token = token.strip()
    if not (token.isascii() and token.isprintable()):
        raise LapbellError(f"{name} can't be sent in a header: write letters, digits and signs of ASCII alone")
    return token


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
        """Call a function, plain or async, on a thread of ours for every incident that fires or gets worse.

        Those that are silenced, inhibited, in maintenance or acknowledged keep quiet, and are told if that ends.
        """
        self._handlers.append(handler)
        self._begin()

    def active(self) -> list[PerformanceAlert]:
        """The incidents of the evaluator's last answer, the worst first: at most 4 s old, and the time of handlers.

        The first call waits for the evaluator's first answer, unless it comes from an event loop, where it answers
        what is known so far.

        Raises:
            LapbellError: the evaluator did not answer the last question.
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
            LapbellError: there is no such alert, or the evaluator does not answer, or it refuses.
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
        alerts, quiet = evaluator.active()
        with self._lock:
            self._active, self._failure = alerts, None
            firing = {
                (alert.alert_key, alert.severity): alert
                for alert in alerts
                if alert.state == "firing" and alert.alert_key not in quiet
            }
            fresh = [alert for key, alert in firing.items() if key not in self._notified]
            # one that returns while it recovers, or at a severity that it had, is no news
            open_keys = {alert.alert_key for alert in alerts}
            self._notified = {*firing, *(pair for pair in self._notified if pair[0] in open_keys)}
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


def _is_quiet(incident: Mapping[str, Any]) -> bool:
    """Whether nobody need be told of it: it is silenced, inhibited or maintained, or somebody has taken it."""
    return any(incident.get(name) for name in ("acknowledged", "silenced_by", "inhibited_by", "maintained_by"))


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
        description=incident["description"],
        runbook_url=incident["runbook_url"],
        trace_urls=tuple(incident["trace_urls"]),
        blame=tuple(BlamedPhase(share["phase"], share["share"], share["excess_time"]) for share in incident["blame"]),
        # An older evaluator does not tell the rest.
        cause=incident.get("cause"),
        evidence=incident.get("evidence") or {},
        peak=incident.get("peak"),
        bad=incident.get("counts", {}).get("bad"),
        total=incident.get("counts", {}).get("total"),
    )
