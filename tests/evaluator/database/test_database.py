import asyncio
import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from alertlife.databases import postgres_server, url
from alertlife.story import Story
from lapbell_evaluator.alerts import AlertStore, Condition
from lapbell_evaluator.database import Database, DatabaseError, DatabaseInUseError
from lapbell_evaluator.model import NOBODY, Change, Evidence, HistoryQuery, PhaseShare, State, Transition, everyone
from peers.process import pipe

__all__ = ["postgres_server", "url"]  # fixtures


async def test_a_fresh_database_has_nothing_and_lives_for_the_first_time(url):
    database = await Database.open(url, 0.0)
    assert database.restored.alerts == ()
    assert database.restored.incidents == ()
    assert database.restored.is_first_start is True
    await database.close()


async def test_what_was_written_comes_back_as_it_was(url):
    story = Story()
    story.see(0, Condition.MET)
    database = await Database.open(url, 0.0)
    await database.commit(story.changes[-1], everyone("otlp"))
    await database.close()
    database = await Database.open(url, 10.0)
    assert database.restored.alerts == story.store.of_incident(story.key)
    assert database.restored.incidents == tuple(story.store.incidents.values())
    assert not database.restored.is_first_start
    await database.close()


async def test_values_without_a_number_in_json_come_back(url):
    story = Story()
    story.see(0, Condition.MET, value=math.inf)
    database = await Database.open(url, 0.0)
    change = story.changes[-1]
    await database.commit(change, NOBODY)
    await database.close()
    database = await Database.open(url, 1.0)
    assert database.restored.alerts[0].value == math.inf
    await database.close()


async def test_what_is_over_does_not_come_back_but_stays_in_history(url):
    story = Story()
    database = await Database.open(url, 0.0)
    for at, condition in ((0, Condition.MET), (5, Condition.CLEARED)):
        story.see(at, condition)
        await database.commit(story.changes[-1], NOBODY)
    await database.close()
    database = await Database.open(url, 10.0)
    assert database.restored.alerts == ()
    assert database.restored.incidents == ()
    assert (await database.history(HistoryQuery())).items == tuple(reversed(story.told))
    assert [each.id for each in await database.resolved()] == [story.told[0].incident.id]
    await database.close()


async def test_a_notice_waits_until_it_is_delivered_and_counts_its_attempts(url):
    story = Story()
    story.see(0, Condition.MET)
    database = await Database.open(url, 0.0)
    await database.commit(story.changes[-1], everyone("one", "two"))
    (waiting,) = await database.pending("one", 10)
    assert waiting.transition == story.told[0]
    await database.sending([waiting.id], 0.5, "first")
    await database.failed([waiting.id], "down", may_have_arrived=False)
    assert [each.attempts for each in await database.pending("one", 10)] == [1]
    await database.delivered([waiting.id], 1.0)
    assert [len(await database.pending(name, 10)) for name in ("one", "two")] == [0, 1]
    await database.close()


async def test_acknowledging_tells_nobody_and_is_audited(url):
    story = Story()
    database = await Database.open(url, 0.0)
    story.see(0, Condition.MET)
    await database.commit(story.changes[-1], everyone("one"))
    story.acknowledge(5)
    await database.commit(story.changes[-1], everyone("one"))
    assert len(await database.pending("one", 10)) == 1
    (entry,) = (await database.audit()).items
    assert entry.actor == "bob"
    assert entry.action == "acknowledge"
    assert entry.why == "mine"
    await database.close()


async def test_a_change_is_written_whole_or_not_at_all(url):
    story = Story()
    story.see(0, Condition.MET)
    change = story.changes[-1]
    twice = replace(change, transitions=change.transitions * 2)
    database = await Database.open(url, 0.0)
    with pytest.raises(DatabaseError, match="Nothing was written"):
        await database.commit(twice, everyone("one"))
    await database.close()
    database = await Database.open(url, 1.0)
    history = await database.history(HistoryQuery())
    assert database.restored.alerts == ()
    assert database.restored.incidents == ()
    assert history.items == ()
    await database.close()


async def test_evidence_that_grows_is_kept_without_telling_anybody(url):
    story = Story()
    story.see(0, Condition.MET)
    database = await Database.open(url, 0.0)
    await database.commit(story.changes[-1], everyone("one"))
    evidence = Evidence((PhaseShare("signature_validation", 0.9, 1.5),), ("ab" * 16,))
    grown = replace(story.told[0].incident, evidence=evidence)
    await database.commit(Change(incidents=(grown,)), everyone("one"))
    await database.close()
    database = await Database.open(url, 1.0)
    assert database.restored.incidents == (grown,)
    assert len(await database.pending("one", 10)) == 1
    await database.close()


async def test_a_pending_alert_was_proven_when_its_group_was_last_watched(url):
    story = Story(for_s=40)
    database = await Database.open(url, 0.0)
    story.see(0, Condition.MET)
    await database.commit(story.changes[-1], NOBODY)
    await database.commit(Change(watched=(("g", 25.0),)), NOBODY)
    await database.close()
    database = await Database.open(url, 100.0)
    story.store = AlertStore.restored(database.restored.alerts, database.restored.incidents, 100.0)
    for at in (100.0, 114.0, 115.0):
        story.see(at, Condition.MET)
    assert [each[:2] for each in story.news()] == [(0, "pending"), (115.0, "firing")]
    await database.close()


async def test_a_second_evaluator_of_a_file_is_refused_with_the_first_ones_process(tmp_path):
    url = f"sqlite:///{tmp_path}/alerts.db"
    first = await Database.open(url, 0.0)
    with pytest.raises(DatabaseInUseError, match=r"in use by another evaluator.*another data_dir"):
        await Database.open(url, 0.0)
    await first.close()
    second = await Database.open(url, 0.0)
    await second.close()


def test_a_killed_evaluator_leaves_the_file_free_at_once(tmp_path):
    url = f"sqlite:///{tmp_path}/alerts.db"
    holds = (
        "import asyncio, sys, time\n"
        "from lapbell_evaluator.database import Database\n"
        f"asyncio.run(Database.open({url!r}, 0.0))\n"
        "print('open', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", holds], stdout=subprocess.PIPE, text=True) as process:
        assert pipe(process.stdout).readline() == "open\n"
        with pytest.raises(DatabaseInUseError):
            asyncio.run(opened_and_closed(url))
        process.kill()
    asyncio.run(opened_and_closed(url))


async def test_the_time_of_the_first_attempt_stays_and_survives_the_end_of_the_process(url):
    story = Story()
    story.see(0, Condition.MET)
    database = await Database.open(url, 0.0)
    await database.commit(story.changes[-1], everyone("one"))
    ids = [each.id for each in await database.pending("one", 10)]
    for at in (1.5, 2.5):
        await database.sending(ids, at, "first")
    await database.close()
    database = await Database.open(url, 10.0)
    (incident,) = database.restored.incidents
    ((told,),) = (await database.deliveries([incident])).values()
    assert told.sent_at == 1.5
    assert told.delivered_at is None
    assert told.attempts == 2
    await database.close()


async def test_the_deliveries_of_more_incidents_than_one_question_takes_are_all_found(url):
    story = Story()
    story.see(0, Condition.MET)
    (told,) = story.told
    many = [replace(told.incident, id=f"{number}", key=f"{number:016x}") for number in range(1_201)]
    moves = tuple(replace(told, id=f"{each.id}-1", incident=each) for each in many)
    database = await Database.open(url, 0.0)
    await database.commit(Change(incidents=tuple(many), transitions=moves), everyone("one"))
    found = await database.deliveries(many)
    assert {key: [each.transition for each in views] for key, views in found.items()} == {
        each.id: [f"{each.id}-1"] for each in many
    }
    await database.close()


async def test_the_last_incident_of_a_key_is_found_when_it_is_over(url):
    story = Story()
    database = await Database.open(url, 0.0)
    for at, condition in ((0, Condition.MET), (5, Condition.CLEARED), (10, Condition.MET), (15, Condition.CLEARED)):
        story.see(at, condition)
        await database.commit(story.changes[-1], NOBODY)
    key = story.told[0].incident.key
    assert await database.incident(key) == story.told[-1].incident
    assert await database.incident("0" * 16) is None
    await database.close()


async def opened_and_closed(url):
    database = await Database.open(url, 0.0)
    await database.close()


async def test_history_is_read_by_pages_and_by_what_is_wanted(url):
    story = Story()
    database = await Database.open(url, 0.0)
    for at in range(0, 60, 10):
        story.see(at, Condition.MET)
        story.see(at + 5, Condition.CLEARED)
    story.see(60, Condition.MET)
    story.resolve(61)
    for change in story.changes:
        await database.commit(change, NOBODY)
    newest = tuple(reversed(story.told))

    async def found(**wanted: Any) -> tuple[Transition, ...]:
        return (await database.history(HistoryQuery(**wanted))).items

    paged: list[Transition] = []
    page = await database.history(HistoryQuery(limit=5))
    while page.next is not None:
        paged += page.items
        page = await database.history(HistoryQuery(limit=5, before=page.next))
    assert tuple(paged) + page.items == newest
    assert await found(key="0" * 16) == ()
    assert await found(key=story.key, limit=2) == newest[:2]
    assert await found(state=State.FIRING) == tuple(each for each in newest if each.state is State.FIRING)
    assert await found(since=20, until=40) == tuple(each for each in newest if 20 <= each.at <= 40)
    assert await found(actor="ann") == newest[:1]
    assert await found(fits=lambda each: each.at % 10 == 5) == tuple(each for each in newest if each.at % 10 == 5)
    await database.close()


async def test_a_clock_that_was_set_back_hides_nothing(url):
    story = Story()
    database = await Database.open(url, 0.0)
    for at in (5000, 100):
        story.see(at, Condition.MET)
        story.see(at + 1, Condition.CLEARED)
    for change in story.changes:
        await database.commit(change, NOBODY)
    found = await database.history(HistoryQuery(since=5000))
    assert [each.at for each in found.items] == [5001, 5000]
    await database.close()


async def test_the_audit_is_read_by_pages(url):
    story = Story()
    database = await Database.open(url, 0.0)
    story.see(0, Condition.MET)
    for at in (1, 2, 3):
        story.acknowledge(at)
    for change in story.changes:
        await database.commit(change, NOBODY)
    first = await database.audit(limit=2)
    second = await database.audit(limit=2, before=first.next)
    assert [each.at for each in first.items] == [3, 2]
    assert [each.at for each in second.items] == [1]
    assert second.next is None
    await database.close()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            "postgresql+psycopg://ann:secret@127.0.0.1:1/x",
            r"ann:\*\*\*@127.0.0.1:1/x failed: .*refused.* Start it, or mend database.url",
        ),
        ("postgresql+psycopg://ann:secret@127.0.0.1:1/x?odd=1", "failed: .*odd"),
        ("postgresql+psycopg://ann:p@ss:secret@db:1/x", "is no URL of a database that can be used"),
        ("postgresql+psycopg://ann@127.0.0.1:1/x?password=secret", r"ann@127.0.0.1:1/x failed: .*refused"),
        ("odd://ann:secret@db/x", "is no URL of a database that can be used"),
        ("odd", "is no URL of a database that can be used"),
    ],
)
async def test_a_database_that_can_not_be_opened_is_told_without_its_password(wrong, told):
    with pytest.raises(DatabaseError, match="(?s)" + told) as caught:
        await Database.open(wrong, 0.0)
    assert "secret" not in str(caught.value)


async def test_what_waits_for_receivers_that_there_are_no_more_is_dropped_and_the_rest_waits_on(url):
    database = await Database.open(url, 0.0)
    story = Story()
    story.see(1, Condition.MET)
    await database.commit(story.changes[-1], everyone("chat", "gone"))
    dropped = await database.drop_others(["chat", "otlp"])
    left = {name: len(await database.pending(name, 10)) for name in ("chat", "gone")}
    await database.close()
    assert {"dropped": dropped} | left == {"dropped": 1, "chat": 1, "gone": 0}
