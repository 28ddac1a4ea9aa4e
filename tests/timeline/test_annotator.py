"""What an incident shows beside its value, and what happens when somebody who should help does not."""

import asyncio
import sqlite3
from dataclasses import dataclass, field

from alertlife.timeline import timeline
from lapbell_evaluator.model import Alert, EvaluatorError, Evidence, PhaseShare, Silence
from lapbell_evaluator.model import LabelMatcher as Matcher
from lapbell_evaluator.rules import load

RULES = """
groups:
- name: g
  rules:
  - alert: Deep
    expr: depth > 100
    labels: {severity: warning}
"""


@dataclass
class Bystander:
    """Saw more each time it is asked."""

    answers: list[Evidence | Exception | None]
    asked: list[float] = field(default_factory=list)

    async def collect(self, alert: Alert, at: float) -> Evidence:
        self.asked.append(at)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        while answer is None:
            await asyncio.Event().wait()
        return answer


def seen(phase: str, *traces: str) -> Evidence:
    return Evidence((PhaseShare(phase, 0.8, 1.0),), traces)


async def test_what_fires_names_the_phase_to_blame(tmp_path):
    bystander = Bystander([seen("signature_validation", "ab" * 16)])
    async with timeline(tmp_path, RULES, evidence_collector=bystander) as line:
        line.push(0, "depth", 150, job="app")
        await line.at(0)
        assert line.told[0].incident.evidence == seen("signature_validation", "ab" * 16)


async def test_evidence_grows_for_a_minute_and_nobody_is_told_again(tmp_path):
    bystander = Bystander([seen("other"), seen("other", "ab" * 16), seen("signature_validation", "ab" * 16, "cd" * 16)])
    async with timeline(tmp_path, RULES, evidence_collector=bystander) as line:
        for at in range(0, 100, 5):
            line.push(at, "depth", 150, job="app")
            await line.at(at)
        (incident,) = await line.alert_service.incidents()
        assert incident.incident.evidence == seen("signature_validation", "ab" * 16, "cd" * 16)
        assert len(line.told) == 1
        assert bystander.asked[0] == 0
        assert bystander.asked[-1] == 60
    async with timeline(tmp_path, RULES, start=100) as line:
        (incident,) = await line.alert_service.incidents()
        assert incident.incident.evidence == seen("signature_validation", "ab" * 16, "cd" * 16)


async def test_a_witness_that_fails_or_stays_silent_does_not_keep_an_alert_from_firing(tmp_path):
    for number, answer in enumerate((EvaluatorError("no spans"), None)):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with timeline(folder, RULES, evidence_collector=Bystander([answer])) as line:
            line.push(0, "depth", 150, job="app")
            await line.at(0)
            assert [(each[1], each[2]) for each in line.news()] == [("firing", "warning")]
            assert line.told[0].incident.evidence is None


async def test_while_the_database_fails_alerts_go_on_and_then_all_is_written(tmp_path, caplog):
    async with timeline(tmp_path, RULES) as line:
        with sqlite3.connect(tmp_path / "alerts.db") as other:
            other.execute("ALTER TABLE transitions RENAME TO hidden")
        line.push(0, "depth", 150, job="app")
        await line.at(0)
        assert "Alerts go on in memory." in caplog.text
        with sqlite3.connect(tmp_path / "alerts.db") as other:
            other.execute("ALTER TABLE hidden RENAME TO transitions")
        other.close()
        await line.at(5)
        assert line.news() == [(0, "firing", "warning", "breached")]
    async with timeline(tmp_path, RULES, start=10) as line:
        assert [view.incident.fired_at for view in await line.alert_service.incidents()] == [0]


async def test_a_silence_is_shown_on_what_it_mutes_and_survives_a_restart(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        line.push(0, "depth", 150, job="app")
        await line.at(0)
        wanted = Silence("", (Matcher("job", "app"),), 0.0, 3600.0, "ann", "deploy")
        made = await line.muting.put(wanted)
    async with timeline(tmp_path, RULES, start=10) as line:
        (incident,) = await line.alert_service.incidents()
        assert incident.silenced_by == (made.id,)
        (group,) = await line.alert_service.groups()
        assert group.rules[0].alerts[0].silenced_by == (made.id,)
        await line.muting.expire(made.id, "bob")
        (incident,) = await line.alert_service.incidents()
        assert incident.silenced_by == ()


async def test_what_fires_again_and_again_flaps_and_a_restart_does_not_forget_it(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        for at in range(0, 40, 5):
            line.push(at, "depth", 150 if at % 10 == 0 else 1, job="app")
            await line.at(at)
    async with timeline(tmp_path, RULES, start=40) as line:
        line.push(40, "depth", 150, job="app")
        await line.at(40)
        (incident,) = await line.alert_service.incidents()
        assert incident.is_flapping
        line.clock.at = 5000
        (incident,) = await line.alert_service.incidents()
        assert not incident.is_flapping


async def test_an_evaluation_that_a_reload_overtakes_leaves_no_alert_of_a_removed_rule(tmp_path):
    async with timeline(tmp_path, RULES, evidence_collector=Bystander([None])) as line:
        line.push(0, "depth", 150, job="app")
        under_way = asyncio.ensure_future(line.at(0))
        await asyncio.sleep(0)  # it has begun, and waits for the engine
        await line.runner.reload(load("groups: []"))
        await under_way
        assert line.news() == [(0, "firing", "warning", "breached"), (0, "resolved", "warning", "rule_removed")]
        assert await line.alert_service.incidents() == ()


async def test_the_text_of_what_recovers_says_what_it_said_while_it_last_held(tmp_path):
    rules = RULES.replace(
        "    labels: {severity: warning}",
        """    labels: {severity: warning}
    annotations:
      summary: "{{ range query `topk(1, blocked > 0)` }}{{ .Value }} s in {{ .Labels.line }}{{ end }}" """,
    )
    async with timeline(tmp_path, rules, reopen_within_s=600) as line:
        for at, depth, blocked in ((0, 150, 3), (5, 160, 4), (10, 1, 0), (15, 1, 0)):
            line.push(at, "depth", depth, job="app")
            line.push(at, "blocked", blocked, line="pay.py:7")
            await line.at(at)
        (view,) = await line.alert_service.incidents()
        assert {"state": view.incident.state, "message": view.message} == {
            "state": "recovering",
            "message": "4 s in pay.py:7",
        }


async def test_what_was_collected_while_it_fired_is_not_replaced_by_nothing(tmp_path):
    bystander = Bystander([seen("other", "ab" * 16), Evidence(), seen("other")])
    async with timeline(tmp_path, RULES, evidence_collector=bystander) as line:
        for at in range(0, 20, 5):
            line.push(at, "depth", 150, job="app")
            await line.at(at)
        (incident,) = await line.alert_service.incidents()
        assert incident.incident.evidence == seen("other", "ab" * 16)


async def test_a_second_burst_of_the_same_incident_has_evidence_of_its_own(tmp_path):
    bystander = Bystander([seen("other", "ab" * 16), seen("cache_lookup", "cd" * 16), Evidence()])
    async with timeline(tmp_path, RULES, evidence_collector=bystander, reopen_within_s=600) as line:
        for at, depth in ((0, 150), (70, 1), (140, 150), (145, 150)):
            line.push(at, "depth", depth, job="app")
            await line.at(at)
        (incident,) = await line.alert_service.incidents()
        assert incident.incident.evidence == seen("cache_lookup", "cd" * 16)
        assert bystander.asked == [0, 140, 145]
