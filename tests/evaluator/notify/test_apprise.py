"""Messages by Apprise: a real mail server, a service that refuses in every way, and one that never answers."""

import asyncio
import io
import json
import logging
from collections.abc import Callable

import pytest

from evaluator_kit import evaluator
from lapbell_evaluator.messages import Composer, Form, read_template
from lapbell_evaluator.model import EvaluatorError, Notification, SystemClock
from lapbell_evaluator.notify import AppriseTarget, DeliveryError
from message_kit.incidents import notification, slow, storm
from peers.answering import Answer, Request, answering
from peers.smtp import MailServer, mail_server

RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - alert: Always
    expr: vector(1) > 0
    labels: {severity: critical, job: "<b>shop</b>"}
    annotations: {summary: "<b>shop</b> is slow", runbook_url: "https://runbooks.example.com/slow"}
"""
COMPOSER = Composer("https://lapbell.example.com", "https://traces.example.com/{trace_id}")


async def send(url: str, what: Notification | None = None, **more) -> None:
    target = AppriseTarget("ops", url, COMPOSER, **more)
    async with target.sender(SystemClock(), lambda _: what or notification(slow())) as sender:
        await sender.send(())


async def refusal(url: str, **more) -> tuple[str, str, bool]:
    """The kind of error that a service's refusal becomes, its status, and whether the message may have arrived."""
    with pytest.raises(DeliveryError) as raised:
        await send(url, **more)
    error = raised.value
    return type(error).__name__, error.status, error.may_have_arrived


def mailto(server: MailServer, to: str = "ops@example.com") -> str:
    return f"mailto://127.0.0.1:{server.port}?mode=insecure&from=lapbell@example.com&to={to}"


async def test_an_alert_of_a_whole_evaluator_arrives_as_a_mail_in_plain_text_and_html(tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    async with mail_server() as server:
        receivers = [{"name": "mail", "apprise": {"url": mailto(server)}}]
        external = "https://lapbell.example.com"
        sections = {"rules": {"files": [rules]}, "receivers": receivers, "external_url": external}
        async with evaluator(tmp_path / "data", **sections):
            mail = await server.first()
    assert mail["Subject"].startswith("critical: <\u200bb>shop<\u200b/b> is slow, since ")
    assert mail["To"] == "ops@example.com"
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    plain, html = (part.get_content() for part in mail.iter_parts())
    assert "runbook: https://runbooks.example.com/slow" in plain
    assert "&lt;\u200bb&gt;shop&lt;\u200b/b&gt; is slow" in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("answer", "want"),
    [
        ("451 later", ("DeliveryError", "451", False)),
        ("554 not this content", ("DoubtfulError", "554", False)),
        ("552 too large", ("DoubtfulError", "552", False)),
    ],
)
async def test_a_mail_server_that_refuses_a_mail_is_asked_again_until_it_is_known_who_is_to_blame(answer, want):
    async with mail_server() as server:
        server.data = answer
        assert await refusal(mailto(server)) == want


async def test_a_recipient_whom_nobody_knows_is_no_fault_of_the_message():
    async with mail_server() as server:
        server.recipient = lambda _: "550 no such user"
        assert await refusal(mailto(server)) == ("DeniedError", "550", False)


async def test_one_of_two_recipients_who_is_unknown_does_not_mail_the_other_again_and_again(caplog):
    async with mail_server() as server:
        server.recipient = lambda to: "550 no such user" if to.startswith("gone") else "250 OK"
        with caplog.at_level(logging.WARNING):
            await send(mailto(server, "ops@example.com,gone@example.com"))
    assert [mail["To"] for mail in server.mails] == ["ops@example.com"]
    assert "receiver ops" in caplog.text


@pytest.mark.parametrize(
    ("status", "want"),
    [
        (429, ("DeliveryError", "429", False)),
        (503, ("DeliveryError", "503", False)),
        (500, ("DoubtfulError", "500", True)),
        (400, ("RefusedError", "400", False)),
        (401, ("DeniedError", "401", False)),
        (404, ("DeniedError", "404", False)),
        (302, ("DeniedError", "302", False)),
    ],
)
async def test_a_status_that_apprise_only_logs_means_what_it_means_elsewhere(status, want):
    location = (("location", "http://127.0.0.1:9/"),) if status == 302 else ()
    async with answering(lambda _: Answer(status, headers=location)) as url:
        assert await refusal(url.replace("http", "json")) == want


async def test_a_service_that_is_away_is_asked_again():
    assert await refusal("json://127.0.0.1:9") == ("DeliveryError", "", True)


async def test_a_service_that_never_answers_costs_its_time_and_is_not_told_twice_at_once():
    released = asyncio.Event()

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        target = AppriseTarget("ops", f"json://127.0.0.1:{port}", COMPOSER, timeout_s=0.2)
        async with target.sender(SystemClock(), lambda _: notification(slow())) as sender:
            said = []
            for _ in range(2):
                with pytest.raises(DeliveryError) as raised:
                    await sender.send(())
                said.append(str(raised.value))
        released.set()
    assert "within 0.2 s" in said[0]
    assert "still on its way" in said[1]


@pytest.mark.parametrize("url", ["nonsense://host", "mailto://", "slack://too/short"])
async def test_a_url_that_apprise_does_not_know_is_refused_at_the_start(url):
    with pytest.raises(EvaluatorError, match="names no service that Apprise knows"):
        await send(url)


@pytest.fixture
def logged():
    """What a log of everything holds; pytest's own also hears loggers that pass nothing on."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, before = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.parametrize("where", ["127.0.0.1:9", "answering"])
async def test_no_log_line_and_no_error_tells_a_part_of_the_url(where, logged):
    secrets = ["T0PSECRET", "pa55word", "an-user", "tok3n"]
    async with answering(lambda _: Answer(500)) as url:
        host = url.removeprefix("http://") if where == "answering" else where
        with pytest.raises(DeliveryError) as raised:
            await send(f"json://an-user:pa55word@{host}/T0PSECRET?+X-Key=tok3n")
    assert [secret for secret in secrets if secret in logged.getvalue() + str(raised.value)] == []


def posted(requests: list[Request]) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        requests.append(request)
        return Answer()

    return answer


async def test_a_storm_is_as_long_as_a_chat_takes():
    requests: list[Request] = []
    async with answering(posted(requests)) as url:
        await send(url.replace("http", "json"), notification(*storm(25_000)))
    text = json.loads(requests[0].body)["message"]
    assert len(text) <= 3_000
    assert text.splitlines()[-1].endswith("more")


async def test_a_template_says_what_is_sent(tmp_path):
    file = tmp_path / "message.txt"
    file.write_text("{{ severity }}: {{ alerts[0].labels.http_route }}")
    requests: list[Request] = []
    async with answering(posted(requests)) as url:
        await send(url.replace("http", "json"), template=read_template(file))
    assert read_template(file)[0] is Form.PLAIN
    assert json.loads(requests[0].body)["message"] == "critical: /webhooks/twilio"
