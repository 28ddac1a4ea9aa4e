"""Between the limit and recovery: an alert ends when its own words for recovery hold, and not before."""

from alertlife.timeline import timeline

RULES = """
groups:
- name: g
  rules:
  - {record: 'queue:depth', expr: 'sum by (queue) (depth)'}
  - alert: Deep
    expr: queue:depth > 100
    annotations: {lapbell_recovery_expr: 'queue:depth <= 20', lapbell_on_no_data: keep}
"""
HOUR_S = 3_600


async def test_an_alert_between_its_limit_and_recovery_goes_on_for_as_long_as_that_lasts(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        for at in range(0, HOUR_S, 60):
            line.push(at, "depth", 150 if at == 0 else 50, queue="mail")
            await line.at(at)
        (incident,) = await line.alert_service.incidents()
        assert incident.incident.state == "firing"
        assert incident.health == "ok"
        assert incident.incident.value == 50
        line.push(HOUR_S, "depth", 20, queue="mail")
        await line.at(HOUR_S)
        assert line.news() == [(0, "firing", "", "breached"), (HOUR_S, "resolved", "", "recovered")]


async def test_a_recording_is_seen_by_an_early_evaluation_before_it_is_recorded(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        await line.at(0)
        line.push(1, "depth", 150, queue="mail")
        line.runner.touch(["depth"])
        await line.at(1)
        assert line.news() == [(1, "firing", "", "breached")]
        assert await line.value("queue:depth") == []
