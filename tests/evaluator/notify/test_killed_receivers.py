"""Killed at random moments, an evaluator tells each webhook everything once, whatever the webhooks are like.

`LAPBELL_BUDGET=7 pytest tests/evaluator/notify/test_killed_receivers.py -s` kills it about a hundred times.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles

import pytest
import sqlalchemy

from budget import scaled
from lapbell_evaluator.database import payloads
from lapbell_evaluator.model import State, Transition
from message_kit.troubled import POISON, TEMPERS, Took, Troubled, troubled

KILLS = scaled(15, least=3)
RULES = 8
RULE = """
  - alert: {name}
    expr: floor(vector(time()) / 1.1 + {number}) % 3 < {limit}
    labels: {{severity: critical}}
    annotations: {{lapbell_reopen_within: 300ms}}
"""


def rule_file(*, fires: bool) -> str:
    """Rules that fire in turns, a third of the time, or never."""
    names = [*(f"Square{number}" for number in range(RULES)), POISON]
    rules = "".join(RULE.format(name=name, number=number, limit=int(fires)) for number, name in enumerate(names))
    return f"groups:\n- name: killed\n  interval: 200ms\n  rules:\n{rules}"


def configure(folder: Path, port: int) -> None:
    receivers = [
        {
            "name": name,
            "repeat_interval": 3600,
            "webhook": {"url": f"http://127.0.0.1:{port}/{name}", "timeout": 0.5 if name == "stalled" else 60},
        }
        for name in TEMPERS
    ]
    listen = {"rest": "127.0.0.1:0", "otlp_grpc": "127.0.0.1:0", "otlp_http": "127.0.0.1:0"}
    settings = {
        "listen": listen,
        "data_dir": str(folder / "data"),
        "rules": {"files": [str(folder / "rules.yml")]},
        "receivers": receivers,
    }
    (folder / "lapbell.yaml").write_text(json.dumps(settings))
    (folder / "rules.yml").write_text(rule_file(fires=True))


async def started(folder: Path) -> asyncio.subprocess.Process:
    """An evaluator in a process of its own, once it says that it is ready."""
    life = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "lapbell_evaluator", "serve", "--config", str(folder / "lapbell.yaml")),
        env={name: value for name, value in os.environ.items() if not name.startswith("LAPBELL_")},
        stderr=asyncio.subprocess.PIPE,
    )
    assert life.stderr is not None
    said = b""
    while b"ready: REST" not in said:
        line = await life.stderr.readline()
        assert line, f"it ended before it was ready:\n{said.decode()}"
        said += line
    return life


async def lived(folder: Path, seed: int) -> list[float]:
    """Lives that are killed, each at a random moment after it began to work; Unix seconds when they were."""
    moments, killed_at = random.Random(seed), []
    for _ in range(KILLS):
        life = await started(folder)
        reading = asyncio.ensure_future(life.communicate())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading), moments.uniform(0.0, 2.5))
        life.kill()
        killed_at.append(time.time())
        await reading
    return killed_at


async def told_the_rest(folder: Path) -> None:
    """The last life: no rule fires any more, and it goes on until nothing waits."""
    (folder / "rules.yml").write_text(rule_file(fires=False))
    life = await started(folder)
    reading = asyncio.ensure_future(life.communicate())
    waits = "SELECT count(*) FROM outbox WHERE delivered_at IS NULL AND refused_at IS NULL AND dropped_at IS NULL"
    is_over = "SELECT count(*) FROM incidents WHERE state != 'resolved'"
    while await asyncio.to_thread(counted, folder, waits) or await asyncio.to_thread(counted, folder, is_over):
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(reading), 0.2)
        assert life.returncode is None
    life.send_signal(signal.SIGTERM)
    await reading


def rows(folder: Path, query: str) -> list[tuple]:
    engine = sqlalchemy.create_engine(f"sqlite:///{folder}/data/alerts.db")
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sqlalchemy.text(query))]
    engine.dispose()
    return found


def counted(folder: Path, query: str) -> int:
    return int(rows(folder, query)[0][0])


def faults(took: Sequence[Took], kept: dict[str, Transition], delivered: set[str]) -> Iterator[str]:
    """What a webhook was told wrongly, once messages that came again under their key are dropped."""
    once = {said.key: said for said in reversed(took)}
    seen = list(dict.fromkeys(said.key for said in took))
    news = Counter(each for key in seen for each in once[key].news)
    yield from (f"lost: {each}" for each in sorted(delivered - set(news)))
    yield from (f"told twice: {each}" for each, count in news.items() if count > 1)
    yield from (f"told and not kept: {each}" for each in sorted(set(news) - set(kept)))
    begun: set[str] = set()
    for key in seen:
        begun |= {kept[each].incident.id for each in once[key].news if kept[each].state is State.FIRING}
        for alert in once[key].alerts:
            if alert["incidentId"] not in begun:
                yield f"its end before its beginning: {alert['incidentId']}"


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_webhooks_hear_everything_once_and_in_order_from_an_evaluator_that_is_killed_again_and_again(tmp_path):
    async with troubled(seed=KILLS) as webhooks:
        configure(tmp_path, webhooks.port)
        apart_s = time.time() - asyncio.get_running_loop().time()
        killed_at = await lived(tmp_path, seed=KILLS)
        webhooks.healed()
        await told_the_rest(tmp_path)
    kept = {each.id: each for each in map(payloads.transition, payloads_of(tmp_path))}
    wrong = {name: list(faults(webhooks.took[name], kept, delivered_to(tmp_path, name))) for name in TEMPERS}
    assert wrong == {name: [] for name in TEMPERS}
    sent_again = len(webhooks.took["steady"]) - len({said.key for said in webhooks.took["steady"]})
    assert sent_again <= KILLS
    refused = {payloads.transition(row[0]).incident.labels for row in rows(tmp_path, REFUSED)}
    assert {dict(own)["alertname"] for own in refused} == {POISON}
    print(summary(webhooks, lags_of(webhooks.took["steady"], kept, apart_s, killed_at), len(kept), sent_again))


REFUSED = """
    SELECT transitions.payload FROM outbox JOIN transitions ON transitions.id = outbox.transition_id
    WHERE outbox.refused_at IS NOT NULL
"""


def payloads_of(folder: Path) -> list[bytes]:
    return [row[0] for row in rows(folder, "SELECT payload FROM transitions ORDER BY seq")]


def delivered_to(folder: Path, receiver: str) -> set[str]:
    taken = f"SELECT transition_id FROM outbox WHERE receiver = '{receiver}' AND delivered_at IS NOT NULL"
    return {row[0] for row in rows(folder, taken)}


def lags_of(
    took: Sequence[Took], kept: dict[str, Transition], apart_s: float, killed_at: Sequence[float]
) -> list[float]:
    """Seconds from firing until a webhook was told, of those that no kill came between."""
    told = [
        (kept[each].at, said.at + apart_s) for said in took for each in said.news if kept[each].state is State.FIRING
    ]
    return [came - fired for fired, came in told if not any(fired <= moment <= came for moment in killed_at)]


def summary(webhooks: Troubled, lags: list[float], transitions: int, sent_again: int) -> str:
    taken = {name: len(took) for name, took in webhooks.took.items()}
    p99 = quantiles(lags, n=100)[-1] if len(lags) > 1 else float("nan")
    return (
        f"{KILLS} kills, {transitions} transitions; taken: {taken};"
        f" the steady webhook was sent {sent_again} messages again; it heard of {len(lags)} firings, beside the others,"
        f" after {median(lags):.3f} s in the median, p99 {p99:.3f} s"
    )
