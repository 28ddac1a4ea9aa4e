"""An incident as people read it."""

from lapbell_evaluator.model import Alert, Health, Incident, Reason, State, labels
from lapbell_evaluator.service import incident_views

WARNING = labels({"alertname": "Slow", "severity": "warning"})
CRITICAL = labels({"alertname": "Slow", "severity": "critical"})
WARMING = "the evaluator has not watched for long enough since it started"


def test_what_fires_says_nothing_of_the_higher_severity_that_still_warms_up():
    fires = Alert("g", "r", WARNING, "k", WARNING, State.FIRING, 0.0, 5.0, 9.0, detail="left from before")
    warms = Alert("g", "s", CRITICAL, "k", CRITICAL, State.PENDING, 0.0, 5.0, 9.0, health=Health.COLD, detail=WARMING)
    incident = Incident("i", "k", State.FIRING, "warning", WARNING, 9.0, 0.0, Reason.BREACHED, fired_at=5.0)
    view = incident_views.view(incident, (warms, fires), (), 10.0)
    assert {"health": view.health, "detail": view.detail} == {"health": Health.OK, "detail": ""}
