"""The alerts of the performance monitor are the evaluator's."""

import asyncio
import socket
import threading

import pytest

import lapbell
from lapbell.monitor import alerts
from lapbell_evaluator.api.evidence_schemas import AlertEvidence
from lapbell_evaluator.model import Evidence, HostEvidence
from lapkit import python
from lapkit.asked_evaluator import evaluator, monitor, view


def test_alerts_are_listed_again_when_the_evaluator_answers_again_and_never_when_they_are_old():
    with evaluator(view()) as rest, monitor(LAPBELL_URL=rest.url) as own:
        own._alerts._interval_s = 0.05
        seen: list[str] = []
        for status, wanted in ((503, "refused"), (200, "1 active"), (503, "refused")):
            rest.status, answer = status, ""
            while answer != wanted:
                try:
                    answer = f"{len(own.get_active_alerts())} active"
                except lapbell.LapbellError:
                    answer = "refused"
            seen.append(answer)
    assert seen == ["refused", "1 active", "refused"]


def test_without_settings_the_evaluator_on_this_machine_is_asked():
    assert alerts.Evaluator.of({}) == alerts.Evaluator("http://127.0.0.1:8740", "")


def test_the_token_of_the_evaluator_in_this_directory_is_sent_to_this_machine_alone(tmp_path):
    (tmp_path / ".lapbell").mkdir()
    (tmp_path / ".lapbell" / "admin.token").write_text("secret\n")
    ask = f"""
import os
from lapbell.monitor.alerts import Evaluator
os.chdir({str(tmp_path)!r})
print(Evaluator.of(os.environ).token)
"""
    assert [
        python(ask).strip(),
        python(ask, LAPBELL_URL="http://elsewhere:8740").strip(),
        python(ask, LAPBELL_TOKEN="mine").strip(),
    ] == ["secret", "", "mine"]


def test_a_token_file_that_is_not_there_is_named():
    said = r"/nowhere/token can't be read.*LAPBELL_TOKEN_FILE"
    with monitor(LAPBELL_TOKEN_FILE="/nowhere/token") as own, pytest.raises(lapbell.LapbellError, match=said):
        own.get_active_alerts()


@pytest.mark.parametrize("ask", [lambda own: own.get_active_alerts(), lambda own: own.resolve_alert("k", "why")])
def test_an_evaluator_that_does_not_answer_is_named_with_the_remedy(ask):
    said = r"no evaluator answers at http://127\.0\.0\.1:9: .*Start one with `lapbell serve`, or set LAPBELL_URL"
    with monitor(LAPBELL_URL="http://127.0.0.1:9") as own, pytest.raises(lapbell.LapbellError, match=said):
        ask(own)


def test_an_alert_that_there_is_not_is_told_as_such_and_another_servers_404_is_not():
    with evaluator(view()) as rest, monitor(LAPBELL_URL=rest.url) as own:
        rest.status, rest.problem = (
            404,
            {
                "code": "no_such_alert",
                "message": "No firing alert has the key k.",
                "remedy": "`lapbell alerts list` lists them.",
            },
        )
        with pytest.raises(lapbell.LapbellError, match=r"^no such alert: 'k'; get_active_alerts"):
            own.resolve_alert("k", "why")
        rest.status, rest.problem = 422, {"code": "invalid_request", "message": "alert_key: no such form."}
        with pytest.raises(lapbell.LapbellError, match=r"^no such alert: 'k'; get_active_alerts"):
            own.resolve_alert("k", "why")
        rest.status, rest.problem = 404, {"detail": "Not Found"}
        with pytest.raises(lapbell.LapbellError, match=r"refused POST .* \(404\)"):
            own.resolve_alert("k", "why")


def test_an_alert_carries_description_runbook_traces_and_blame():
    blame = [{"phase": "cache_lookup", "share": 0.9, "excess_time": 1.4}]
    told = view(
        description="95% take long.",
        runbook_url="https://example.org/slow",
        trace_urls=["https://traces/a"],
        blame=blame,
        evidence=AlertEvidence.model_validate(Evidence(host=HostEvidence("web-3"))),
    )
    with evaluator(told) as rest, monitor(LAPBELL_URL=rest.url) as own:
        (alert,) = own.get_active_alerts()
    assert alert == lapbell.PerformanceAlert(
        alert_key="alert_key",
        alertname="WebhookResponseTime",
        category="webhook",
        severity="warning",
        state="firing",
        message="webhooks are slow",
        metric_value=1.5,
        threshold=1.0,
        timestamp=1.0,
        context={"job": "app"},
        phase_to_blame="cache_lookup",
        trace_ids=("a" * 32,),
        description="95% take long.",
        runbook_url="https://example.org/slow",
        trace_urls=("https://traces/a",),
        cause="cache_lookup, 90% of the excess",
        blame=(lapbell.BlamedPhase("cache_lookup", 0.9, 1.4),),
        evidence=alert.evidence,
        peak=3.0,
        bad=9.0,
        total=60.0,
    )
    assert alert.evidence["host"]["name"] == "web-3"


def test_alerts_are_the_evaluator_s(tmp_path):
    token = tmp_path / "token"
    token.write_text("from a file\n")
    with (
        evaluator(view(), view(alert_key="over", state="resolved")) as rest,
        monitor(LAPBELL_URL=rest.url + "/", LAPBELL_TOKEN_FILE=str(token)) as own,
    ):
        (alert,) = own.get_active_alerts()
        own.resolve_alert("alert_key", "done")
        left = own.get_active_alerts()
    assert alert.alert_key == "alert_key"
    assert alert.phase_to_blame == "cache_lookup"
    assert alert.context == {"job": "app"}
    assert left == []
    assert {asked[2] for asked in rest.asked} == {"Bearer from a file"}


def test_a_refusal_says_what_the_evaluator_said():
    with evaluator(view()) as rest, monitor(LAPBELL_URL=rest.url) as own:
        own.get_active_alerts()
        rest.status = 403
        with pytest.raises(lapbell.LapbellError, match=r"refused POST .* \(403\)"):
            own.resolve_alert("alert_key", "done")


def test_handlers_plain_and_async_are_called_once_per_incident_and_severity():
    called: list[tuple[str, str]] = []
    came = threading.Semaphore(0)

    def plain(alert) -> None:
        called.append(("plain", alert.severity))
        came.release()

    async def later(alert) -> None:
        await asyncio.sleep(0)
        called.append(("async", alert.severity))
        came.release()

    def broken(alert) -> None:
        raise RuntimeError("no")

    with evaluator(view()) as rest, monitor(LAPBELL_URL=rest.url) as own:
        for handler in (broken, plain, later):
            own.add_alert_handler(handler)
        for _ in range(2):
            assert came.acquire(timeout=100)
        rest.alerts = [view(severity="critical")]
        for _ in range(2):
            assert came.acquire(timeout=100)
    assert called == [("plain", "warning"), ("async", "warning"), ("plain", "critical"), ("async", "critical")]


@pytest.mark.parametrize(
    "quiet",
    [{"silenced_by": ["s"]}, {"inhibited_by": ["k"]}, {"maintained_by": ["deploy"]}, {"acknowledged": True}],
)
def test_handlers_hear_of_what_is_quiet_once_it_is_so_no_longer(quiet):
    called: list[str] = []
    came = threading.Semaphore(0)

    def handler(alert) -> None:
        called.append(alert.alert_key)
        came.release()

    with evaluator(view(alert_key="a", **quiet), view(alert_key="b")) as rest, monitor(LAPBELL_URL=rest.url) as own:
        own.add_alert_handler(handler)
        assert came.acquire(timeout=100)
        rest.alerts = [view(alert_key="a"), view(alert_key="b")]
        assert came.acquire(timeout=100)
    assert called == ["b", "a"]


async def test_on_an_event_loop_nothing_waits_for_the_evaluator():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        monitor(LAPBELL_URL=f"http://127.0.0.1:{silent.getsockname()[1]}") as own,
    ):
        # who waits for this evaluator gets an error in the end
        assert own.get_active_alerts() == []
