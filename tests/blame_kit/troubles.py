"""Troubles with a known cause: what goes wrong, how it shows, and what must be blamed."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from blame_kit.service import SERVER_ADDRESS, SERVER_PORT, Failing, Request, Service
from lapbell import semconv
from lapbell_evaluator.model import Evidence

NOON: Final = 1_800_000_000.0
BASELINE_S: Final = 720
LASTS_S: Final = 60
PACE_S: Final = 15
PHASES: Final = {
    "validation": 0.004,
    "signature_validation": 0.006,
    "cache_lookup": 0.010,
    "charge_lookup": 0.030,
    "task_queuing": 0.008,
    "response_preparation": 0.003,
    semconv.PHASE_OTHER: 0.005,
}
TYPES: Final = ("ValueError", "KeyError", "app.billing.DeclinedError", "httpx.ReadTimeout", "sqlalchemy.exc.DBAPIError")
REDIS_FAILURES: Final = (
    ("redis.exceptions.ConnectionError", "connection refused", "", "connection refused"),
    ("redis.exceptions.TimeoutError", "", "", "timeout"),
    ("redis.exceptions.ResponseError", "", "WRONGTYPE", "WRONGTYPE"),
    ("redis.exceptions.OutOfMemoryError", "", "OOM", "OOM"),
    ("redis.exceptions.ReadOnlyError", "", "", "READONLY"),
    ("redis.exceptions.BusyLoadingError", "", "", "LOADING"),
    ("redis.exceptions.ResponseError", "", "NOAUTH", "NOAUTH"),
)
"""Type, message, code of the response, and what people call it."""
COMMANDS: Final = ("GET", "SET", "HGETALL", "EVALSHA")
TASKS: Final = ("send_receipt", "resize", "sync_stock")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble.

    Attributes:
        name: what it is, for people.
        alert: labels of the alert that it raises.
        happens: puts it into a service, up to `NOON`.
        blames: whether evidence names its cause.
    """

    name: str
    alert: dict[str, str]
    happens: Callable[[Service], None]
    blames: Callable[[Evidence], bool]


def random_trouble(dice: random.Random) -> Trouble:
    """A trouble of any kind, alone or with others beside it."""
    kind = dice.choice(_KINDS)
    return kind(dice)


def _ordinary(dice: random.Random, end: float) -> Request:
    """A request of ordinary times: phases vary by a third, one in fifty is slow by chance, one in a hundred fails."""
    phases = tuple((name, seconds * dice.lognormvariate(0, 0.35)) for name, seconds in PHASES.items())
    request = Request(end, phases, provider=dice.choice(("stripe", "github")))
    chance = dice.random()
    if chance < 0.02:
        return _slowed(request, dice.choice([*PHASES]), dice.uniform(0.2, 1.0))
    if chance < 0.03:
        return _failed(request, Failing(dice.choice(_named_phases()), "TimeoutError"))
    return request


def _slowed(request: Request, phase: str, seconds: float) -> Request:
    phases = dict(request.phases)
    phases[phase] = phases.get(phase, 0.0) + seconds
    return replace(request, phases=tuple(phases.items()))


def _failed(request: Request, failing: Failing) -> Request:
    """What follows the phase that fails does not happen."""
    names = [name for name, _ in request.phases]
    until = names.index(failing.phase) + 1 if failing.phase in names else len(names)
    kept = request.phases[:until]
    other = tuple(pair for pair in request.phases[until:] if pair[0] == semconv.PHASE_OTHER)
    status = 503 if failing.is_answered or not failing.error_type else 500
    return replace(request, phases=(*kept, *other), failing=failing, status=status)


def _named_phases() -> list[str]:
    return [name for name in PHASES if name != semconv.PHASE_OTHER]


def _run(service: Service, dice: random.Random, troubled: Callable[[Request], Request]) -> None:
    """Twelve ordinary minutes, then one in which requests pass through the trouble; some spans are lost on the way."""
    per_second = dice.choice((0.5, 1.0, 2.0))
    scrape = NOON - BASELINE_S - LASTS_S
    end = scrape
    while scrape < NOON:
        scrape += PACE_S
        while end < scrape:
            end += dice.expovariate(per_second)
            request = _ordinary(dice, min(end, scrape))
            if end > NOON - LASTS_S:
                request = troubled(request)
            is_seen = request.end > NOON - 2 * LASTS_S and dice.random() > 0.05
            service.answer(request, with_spans=is_seen)
        service.scrape(scrape)


def _webhook(name: str) -> dict[str, str]:
    return {"alertname": name, "category": "webhook", "http_route": "/w"}


def _slow_phase(dice: random.Random) -> Trouble:
    phase, share, seconds = dice.choice([*PHASES, semconv.PHASE_EVENT_LOOP]), dice.uniform(0.1, 1), dice.uniform(1, 5)

    def troubled(request: Request) -> Request:
        return _slowed(request, phase, seconds * dice.uniform(0.7, 1.3)) if dice.random() < share else request

    return Trouble(
        f"{phase} is slow by {seconds:.1f} s in {share:.0%}",
        _webhook("WebhookResponseTime"),
        lambda service: _run(service, dice, troubled),
        lambda evidence: evidence.phase == phase,
    )


def _slow_and_shifted(dice: random.Random) -> Trouble:
    """One phase is slow for a few, and another one a little slower for everybody, which breaches nothing."""
    phase, other = dice.sample(_named_phases(), 2)
    share = dice.uniform(0.1, 0.3)

    def troubled(request: Request) -> Request:
        shifted = _slowed(request, other, dice.uniform(0.1, 0.4))
        return _slowed(shifted, phase, dice.uniform(2.5, 4)) if dice.random() < share else shifted

    return Trouble(
        f"{phase} is slow in {share:.0%}, {other} a little slower for all",
        _webhook("WebhookResponseTime"),
        lambda service: _run(service, dice, troubled),
        lambda evidence: evidence.phase == phase,
    )


def _raised(dice: random.Random) -> Trouble:
    phase = dice.choice(_named_phases())
    failing = Failing(
        phase,
        dice.choice(TYPES),
        wrapped_as=dice.choice(("", "", "app.errors.HookError")),
        is_answered=dice.random() < 0.3,
    )
    return _failing(
        dice, f"{failing.error_type} in {phase}", failing, lambda cause: cause == (failing.error_type, phase)
    )


def _redis_in_phase(dice: random.Random) -> Trouble:
    error_type, message, code, called = dice.choice(REDIS_FAILURES)
    phase = dice.choice(_named_phases())
    failing = Failing(phase, error_type, dice.choice(COMMANDS), message, code, is_answered=dice.random() < 0.3)
    trouble = _failing(dice, f"Redis {called} in {phase}", failing, lambda cause: cause == (error_type, phase))
    return replace(
        trouble,
        blames=lambda evidence: (
            trouble.blames(evidence) and evidence.errors is not None and evidence.errors.causes[0].reason == called
        ),
    )


def _failing(
    dice: random.Random, name: str, failing: Failing, is_cause: Callable[[tuple[str, str | None]], bool]
) -> Trouble:
    """Requests that fail in one way, beside those that are slow, and exceptions that the app catches."""
    share = dice.uniform(0.15, 1)
    slow, slow_share = dice.choice(_named_phases()), dice.choice((0.0, 0.0, 0.3))
    handled = dice.choice([phase for phase in _named_phases() if phase != failing.phase])
    handled_share = dice.choice((0.0, 0.5))

    def troubled(request: Request) -> Request:
        if request.failing is None and dice.random() < share:
            request = _failed(request, failing)
        if handled in dict(request.phases) and dice.random() < handled_share:
            request = replace(request, handled=(handled,))
        return _slowed(request, slow, 3.0) if request.failing is None and dice.random() < slow_share else request

    return Trouble(
        f"{name} in {share:.0%}",
        _webhook("WebhookErrorRate"),
        lambda service: _run(service, dice, troubled),
        lambda evidence: (
            evidence.errors is not None
            and bool(evidence.errors.causes)
            and is_cause((evidence.errors.causes[0].error_type, evidence.errors.causes[0].phase))
        ),
    )


def _two_failures(dice: random.Random) -> Trouble:
    """Two causes at once: the more frequent one is blamed first, the other one is named."""
    phases, types = dice.sample(_named_phases(), 2), dice.sample(TYPES, 2)
    first, second = (Failing(phase, kind) for phase, kind in zip(phases, types, strict=True))

    def troubled(request: Request) -> Request:
        chance = dice.random()
        if request.failing is not None or chance > 0.6:
            return request
        return _failed(request, first if chance < 0.42 else second)

    def blames(evidence: Evidence) -> bool:
        causes = [] if evidence.errors is None else [(c.error_type, c.phase) for c in evidence.errors.causes]
        return causes[:2] == [(first.error_type, first.phase), (second.error_type, second.phase)]

    return Trouble(
        f"{first.error_type} in {first.phase} and {second.error_type} in {second.phase}",
        _webhook("WebhookErrorRate"),
        lambda service: _run(service, dice, troubled),
        blames,
    )


def _abandoned(dice: random.Random) -> Trouble:
    phase, share = dice.choice(_named_phases()), dice.uniform(0.2, 1)

    def troubled(request: Request) -> Request:
        if request.failing is not None or dice.random() > share:
            return request
        return replace(_slowed(request, phase, dice.uniform(10, 15)), is_abandoned=True)

    return Trouble(
        f"clients go away while {phase} hangs",
        _webhook("WebhookErrorRate"),
        lambda service: _run(service, dice, troubled),
        lambda evidence: (
            evidence.errors is not None
            and bool(evidence.errors.causes)
            and (evidence.errors.causes[0].error_type, evidence.phase) == (semconv.OUTCOME_ABANDONED, phase)
        ),
    )


def _redis_fails(dice: random.Random) -> Trouble:
    error_type, _, code, called = dice.choice([each for each in REDIS_FAILURES if each[3] != "connection refused"])
    command, share = dice.choice(COMMANDS), dice.uniform(0.2, 1)

    def happens(service: Service) -> None:
        for at in range(round(NOON) - BASELINE_S, round(NOON), PACE_S):
            for each in COMMANDS:
                for _ in range(dice.randint(2, 6)):
                    fails = at >= NOON - LASTS_S and each == command and dice.random() < share
                    service.redis(each, 0.001, error_type.rpartition(".")[2] if fails else "", code if fails else "")
            service.scrape(at + PACE_S)

    return Trouble(
        f"{command} fails: {called}",
        {
            "alertname": "RedisFailureRate",
            "category": "redis",
            "server_address": SERVER_ADDRESS,
            "server_port": SERVER_PORT,
        },
        happens,
        lambda evidence: (
            evidence.redis is not None
            and bool(evidence.redis.errors)
            and (evidence.redis.errors[0].command, evidence.redis.errors[0].name) == (command, called)
        ),
    )


def _redis_is_slow(dice: random.Random) -> Trouble:
    command, seconds = dice.choice(COMMANDS), dice.uniform(0.1, 1)

    def happens(service: Service) -> None:
        for at in range(round(NOON) - BASELINE_S, round(NOON), PACE_S):
            for each in COMMANDS:
                for _ in range(dice.randint(2, 6)):
                    slow = seconds if at >= NOON - LASTS_S and each == command else 0.0
                    service.redis(each, dice.lognormvariate(-6.5, 0.5) + slow)
            service.scrape(at + PACE_S)

    return Trouble(
        f"{command} is slow",
        {
            "alertname": "RedisLatency",
            "category": "redis",
            "server_address": SERVER_ADDRESS,
            "server_port": SERVER_PORT,
            "db_operation_name": command,
        },
        happens,
        lambda evidence: (
            evidence.redis is not None
            and bool(evidence.redis.commands)
            and evidence.redis.commands[0].command == command
        ),
    )


def _task_fails(dice: random.Random) -> Trouble:
    task, error_type = dice.choice(TASKS), dice.choice(TYPES)

    def happens(service: Service) -> None:
        for at in range(round(NOON) - BASELINE_S, round(NOON), PACE_S):
            for each in TASKS:
                for _ in range(dice.randint(1, 4)):
                    fails = at >= NOON - LASTS_S and each == task and dice.random() < 0.6
                    by_chance = "" if dice.random() > 0.02 else "OSError"
                    service.task("jobs", each, dice.uniform(0.1, 2), error_type if fails else by_chance)
            service.scrape(at + PACE_S)

    return Trouble(
        f"{task} fails with {error_type}",
        {"alertname": "TaskFailureRate", "category": "task_queue", "messaging_destination_name": "jobs"},
        happens,
        lambda evidence: (
            evidence.queue is not None
            and bool(evidence.queue.tasks)
            and (evidence.queue.tasks[0].task, evidence.queue.tasks[0].error_type) == (task, error_type)
        ),
    )


def _slow_while_others_fail(dice: random.Random) -> Trouble:
    """The alert about time speaks of the slow ones, whatever fails beside them."""
    slow, broken = dice.sample(_named_phases(), 2)
    failing = Failing(broken, dice.choice(TYPES))

    def troubled(request: Request) -> Request:
        if request.failing is None and dice.random() < 0.3:
            return _failed(request, failing)
        return _slowed(request, slow, dice.uniform(2, 4)) if slow in dict(request.phases) else request

    return Trouble(
        f"{slow} is slow while {failing.error_type} is raised in {broken}",
        _webhook("WebhookResponseTime"),
        lambda service: _run(service, dice, troubled),
        lambda evidence: evidence.phase == slow,
    )


def _blocked_loop(dice: random.Random) -> Trouble:
    """One line blocks, others do so for a moment; the alert about Redis that it explains says so."""
    lines = [(f"handler_{number}", f"/srv/app/{number}.py", str(dice.randint(1, 500))) for number in range(3)]
    culprit = lines[0]

    def happens(service: Service) -> None:
        for function, file, line in lines:
            blocked_s = dice.uniform(0.3, 2) if (function, file, line) == culprit else dice.uniform(0.02, 0.2)
            own = {"code_function_name": function, "code_file_path": file, "code_line_number": line}
            service.gauge(NOON, "lapbell_event_loop_blocked_seconds", blocked_s, **own)
        service.gauge(NOON, "ALERTS", 1, alertname="EventLoopBlocked", alertstate="firing")

    def blames(evidence: Evidence) -> bool:
        line = None if evidence.redis is None else evidence.redis.explained_by
        return line is not None and (line.function, line.file, str(line.line)) == culprit

    return Trouble(f"{culprit[0]} blocks the loop", {"alertname": "RedisLatency", "category": "redis"}, happens, blames)


def _stuck(dice: random.Random) -> Trouble:
    """Some requests hang in one phase, the oldest longest; others that hung elsewhere have ended."""
    phase, other = dice.sample(_named_phases(), 2)
    ages = sorted((dice.uniform(5, 60) for _ in range(dice.randint(1, 4))), reverse=True)

    def happens(service: Service) -> None:
        done = service.pending(NOON - 20, 70.0, "/w", other)
        for age_s in ages:
            service.pending(NOON - dice.uniform(0, 3), age_s, "/w", phase)
        service.ended(done, NOON - 1)

    def blames(evidence: Evidence) -> bool:
        running = () if evidence.in_flight is None else evidence.in_flight.oldest
        return [request.phase for request in running] == [phase] * len(ages) and evidence.phase == phase

    return Trouble(f"{len(ages)} requests hang in {phase}", _webhook("WebhookStuck"), happens, blames)


_KINDS: Final = (
    _slow_while_others_fail,
    _blocked_loop,
    _stuck,
    _slow_phase,
    _slow_phase,
    _slow_and_shifted,
    _raised,
    _raised,
    _redis_in_phase,
    _redis_in_phase,
    _two_failures,
    _abandoned,
    _redis_fails,
    _redis_is_slow,
    _task_fails,
)
