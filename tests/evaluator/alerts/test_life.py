import pytest

from alertlife.story import Story
from lapbell_evaluator.alerts import AlertStore, Condition, ManualAction, UnknownIncidentError
from lapbell_evaluator.model import Health, State


def test_a_breach_that_holds_fires_once_and_resolves():
    story = Story(for_s=10)
    for at in range(0, 30, 5):
        story.see(at, Condition.MET)
    story.see(30, Condition.CLEARED, value=0.4)
    assert story.news() == [
        (0, "pending", "warning", "breached"),
        (10, "firing", "warning", "held_long_enough"),
        (30, "resolved", "warning", "recovered"),
    ]
    assert story.told[-1].incident.value == 0.4
    assert not story.store.incidents


def test_without_for_a_breach_fires_at_once():
    story = Story()
    story.see(0, Condition.MET)
    assert story.news() == [(0, "firing", "warning", "breached")]


def test_a_breach_that_clears_before_its_time_never_fires_and_starts_anew():
    story = Story(for_s=10)
    story.see(0, Condition.MET)
    story.see(5, Condition.CLEARED)
    story.see(10, Condition.MET)
    story.see(15, Condition.MET)
    assert story.news() == [
        (0, "pending", "warning", "breached"),
        (5, "inactive", "warning", "recovered"),
        (10, "pending", "warning", "breached"),
    ]


@pytest.mark.parametrize("silence", [Condition.NO_DATA, Condition.ERROR, Condition.WARMING_UP, Condition.NO_TRAFFIC])
def test_what_is_not_known_neither_fires_nor_resolves(silence):
    firing, pending = Story(), Story(for_s=10)
    for story in (firing, pending):
        story.see(0, Condition.MET)
        for at in range(5, 600, 5):
            story.see(at, silence, detail="why")
    assert len(firing.news()) == len(pending.news()) == 1


@pytest.mark.parametrize(
    ("silence", "health"),
    [
        (Condition.NO_DATA, Health.NO_DATA),
        (Condition.NO_TRAFFIC, Health.NO_DATA),
        (Condition.ERROR, Health.ERROR),
        (Condition.WARMING_UP, Health.COLD),
    ],
)
def test_the_reason_why_nothing_is_known_stands_on_the_alert(silence, health):
    story = Story()
    story.see(0, Condition.MET)
    story.see(5, silence, detail="because")
    story.see(10, silence, detail="because")
    (alert,) = story.store.of_incident(story.key)
    assert alert.health == health
    assert alert.health_since == 5
    assert alert.detail == "because"


def test_time_that_nobody_watched_does_not_count_towards_for():
    story = Story(for_s=10)
    story.see(0, Condition.MET)
    story.see(5, Condition.MET)
    story.see(10, Condition.ERROR)
    story.see(60, Condition.MET)
    story.see(64, Condition.MET)
    assert [each[1] for each in story.news()] == ["pending"]
    story.see(65, Condition.MET)
    assert story.news()[-1] == (65, "firing", "warning", "held_long_enough")


def test_no_traffic_for_fifteen_minutes_resolves_as_idle():
    story = Story()
    story.see(0, Condition.MET)
    story.see(5, Condition.NO_TRAFFIC, detail="no traffic")
    story.see(904, Condition.NO_TRAFFIC, detail="no traffic")
    assert len(story.news()) == 1
    story.see(905, Condition.NO_TRAFFIC, detail="no traffic")
    assert story.news()[-1] == (905, "resolved", "warning", "idle")


def test_an_error_within_the_fifteen_minutes_starts_them_anew():
    story = Story()
    story.see(0, Condition.MET)
    story.see(5, Condition.NO_TRAFFIC, detail="no traffic")
    story.see(600, Condition.ERROR, detail="too much")
    story.see(605, Condition.NO_TRAFFIC, detail="no traffic")
    story.see(905, Condition.NO_TRAFFIC, detail="no traffic")
    assert len(story.news()) == 1


def test_a_dead_sender_is_no_reason_to_resolve_however_long_it_lasts():
    story = Story()
    story.see(0, Condition.MET)
    story.see(5, Condition.NO_DATA, detail="no data")
    story.see(100_000, Condition.NO_DATA, detail="no data")
    assert len(story.news()) == 1


@pytest.mark.parametrize(
    ("condition", "reason"),
    [(Condition.SERIES_ENDED, "series_ended"), (Condition.EMPTY, "empty"), (Condition.RULE_REMOVED, "rule_removed")],
)
def test_the_other_ends_of_an_alert_say_what_they_are(condition, reason):
    story = Story()
    story.see(0, Condition.MET)
    story.see(5, condition)
    assert story.news()[-1] == (5, "resolved", "warning", reason)


def test_keep_firing_for_bridges_a_recovery_that_does_not_last():
    story = Story(keep_firing_for_s=20)
    story.see(0, Condition.MET)
    story.see(5, Condition.CLEARED)
    story.see(24, Condition.CLEARED)
    story.see(25, Condition.MET)
    story.see(30, Condition.CLEARED)
    story.see(49, Condition.CLEARED)
    assert len(story.news()) == 1
    story.see(50, Condition.CLEARED)
    assert story.news()[-1] == (50, "resolved", "warning", "recovered")


def test_warning_and_critical_at_once_are_one_incident_that_fires_once():
    story = Story()
    story.see(0, Condition.MET, Condition.MET)
    story.see(5, Condition.CLEARED, Condition.CLEARED)
    assert story.news() == [(0, "firing", "critical", "breached"), (5, "resolved", "critical", "recovered")]


def test_a_rising_incident_escalates_and_falls_without_a_second_opening():
    story = Story()
    story.see_each(0, {"warning": Condition.MET, "critical": Condition.CLEARED})
    story.see_each(5, {"warning": Condition.MET, "critical": Condition.MET}, value=4.0)
    story.see_each(10, {"warning": Condition.MET, "critical": Condition.CLEARED})
    story.see_each(15, {"warning": Condition.CLEARED, "critical": Condition.CLEARED})
    assert story.news() == [
        (0, "firing", "warning", "breached"),
        (5, "firing", "critical", "escalated"),
        (10, "firing", "warning", "deescalated"),
        (15, "resolved", "warning", "recovered"),
    ]
    assert len({each.incident.id for each in story.told}) == 1
    assert [each.id.rsplit("-", 1)[1] for each in story.told] == ["1", "2", "3", "4"]


def test_resolved_by_hand_is_held_while_the_condition_goes_on():
    story = Story()
    story.see(0, Condition.MET)
    story.resolve(5)
    for at in range(10, 1800, 5):
        story.see(at, Condition.MET)
    assert story.news() == [(0, "firing", "warning", "breached"), (5, "resolved", "warning", "manual")]
    incident = story.store.incidents[story.key]
    assert incident.state == State.HELD
    assert incident.resolved_by == "ann"
    assert incident.resolved_why == "fixed"


def test_what_is_held_fires_again_once_it_has_cleared_and_returns():
    story = Story()
    story.see(0, Condition.MET)
    story.resolve(5)
    story.see(10, Condition.CLEARED)
    story.see(15, Condition.MET)
    assert story.news()[2:] == [(15, "firing", "warning", "breached")]
    assert story.told[-1].incident.id != story.told[0].incident.id


@pytest.mark.parametrize("silence", [Condition.NO_DATA, Condition.ERROR, Condition.WARMING_UP])
def test_what_is_not_known_does_not_end_a_hold(silence):
    story = Story()
    story.see(0, Condition.MET)
    story.resolve(5)
    story.see(10, silence, detail="why")
    story.see(15, Condition.MET)
    assert len(story.news()) == 2


def test_what_is_held_reopens_after_half_an_hour_of_the_same_condition():
    story = Story()
    story.see(0, Condition.MET)
    story.resolve(5)
    story.see(1804, Condition.MET)
    story.see(1805, Condition.MET)
    assert story.news()[2:] == [(1805, "firing", "warning", "reopened")]
    assert story.store.incidents[story.key].resolved_at is None


def test_what_is_held_fires_again_when_the_severity_rises():
    story = Story()
    story.see_each(0, {"warning": Condition.MET, "critical": Condition.CLEARED})
    story.resolve(5)
    story.see_each(10, {"warning": Condition.MET, "critical": Condition.MET})
    assert story.news()[2:] == [(10, "firing", "critical", "breached")]
    assert {each.state for each in story.store.of_incident(story.key)} == {State.FIRING}


def test_a_lower_severity_joins_the_hold_without_a_word():
    story = Story()
    story.see_each(0, {"warning": Condition.CLEARED, "critical": Condition.MET})
    story.resolve(5)
    story.see_each(10, {"warning": Condition.MET, "critical": Condition.MET})
    assert len(story.news()) == 2
    assert {each.state for each in story.store.of_incident(story.key)} == {State.HELD}


def test_acknowledging_is_history_not_news_and_the_resolve_is_told():
    story = Story()
    story.see(0, Condition.MET)
    story.acknowledge(5)
    incident = story.store.incidents[story.key]
    assert incident.acknowledged_at == 5
    assert incident.acknowledged_by == "bob"
    assert incident.acknowledged_why == "mine"
    story.see(10, Condition.CLEARED)
    assert [each[1] for each in story.news()] == ["firing", "resolved"]
    assert [each.reason for each in story.told] == ["breached", "acknowledged", "recovered"]


def test_only_what_fires_can_be_resolved_and_only_what_is_open_acknowledged():
    story = Story(for_s=10)
    story.see(0, Condition.MET)
    with pytest.raises(UnknownIncidentError, match="is firing"):
        story.resolve(1)
    with pytest.raises(UnknownIncidentError, match="is open"):
        story.store.acknowledge("0" * 16, ManualAction("bob", ""), 1)


def test_a_restart_keeps_what_fires_and_pauses_what_is_pending():
    story = Story(for_s=40)
    for at in range(0, 26, 5):
        story.see(at, Condition.MET)
    alerts = story.store.of_incident(story.key)
    story.store = AlertStore.restored(alerts, story.store.incidents.values(), 100)
    story.see(100, Condition.MET)
    story.see(114, Condition.MET)
    assert [each[1] for each in story.news()] == ["pending"]
    story.see(115, Condition.MET)
    assert story.news()[-1] == (115, "firing", "warning", "held_long_enough")


def test_a_plan_that_is_not_adopted_changes_nothing():
    story = Story()
    story.see(0, Condition.MET)
    story.store.resolve(story.key, ManualAction("ann", "fixed"), 5)
    assert [each.state for each in story.store.of_incident(story.key)] == [State.FIRING]
