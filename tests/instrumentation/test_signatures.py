"""Signatures: right ones pass, and of wrong ones none, whatever a sender writes into them."""

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData, Headers
from twilio.request_validator import RequestValidator

import lapbell

TOKEN = "12345"
URL = "https://example.com/myapp"
JSON = b'{"property": "value", "boolean": true, "n": "\xc3\xa4"}'
FORM = b"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE"
TWILIO = lapbell.signatures.Twilio(TOKEN)
ORACLE = RequestValidator(TOKEN)


def url_of(body: bytes) -> str:
    return f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"


def test_twilio_s_own_example():
    # https://www.twilio.com/docs/usage/security#explore-the-algorithm-yourself, and twilio-python's tests
    url, signature = "https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert TWILIO.is_valid(url, FORM, signature)


def signed(url: str, fields: Any = None) -> str:
    return str(ORACLE.compute_signature(url, fields or {}))


@pytest.mark.parametrize(
    ("url", "body", "signature", "is_valid"),
    [
        (url_of(JSON), JSON, signed(url_of(JSON)), True),
        (url_of(JSON), JSON.decode(), signed(url_of(JSON)), True),
        (url_of(JSON), b'{"property": "forged"}', signed(url_of(JSON)), False),
        (url_of(JSON), b"", signed(url_of(JSON)), False),
        (url_of(JSON), {}, signed(url_of(JSON)), False),
        (url_of(JSON), FormData(), signed(url_of(JSON)), False),
        (url_of(JSON), b"\xff", signed(url_of(b"\xff")), False),
        (url_of(b""), b"", signed(url_of(b"")), True),
        (URL, JSON, signed(URL), False),
        (URL, b"", signed(URL), True),
        (URL, {}, signed(URL), True),
        (URL, FORM, signed(URL), False),
        (URL, b"a=1&a=2&b=", signed(URL, FormData([("a", "1"), ("a", "2"), ("b", "")])), True),
        (URL, FormData([("a", "1"), ("a", "2"), ("b", "")]), signed(URL + "a1a2b"), True),
        (URL, b"a=2&b=", signed(URL, FormData([("a", "1"), ("a", "2"), ("b", "")])), False),
        (URL, {"a": 5}, signed(URL + "a5"), False),
        (URL, {"a": object()}, signed(URL), False),
        ("https://example.com:99999/x", FORM, "x", False),
        ("https://[::1", FORM, "x", False),
        (URL, FORM, None, False),
        (URL, FORM, "snowman \u2603", False),
        (URL, FORM, "\ud800", False),
        (URL, None, signed(URL), False),
    ],
)
def test_twilio(url, body, signature, is_valid):
    assert TWILIO.is_valid(url, body, signature) is is_valid


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_body_that_is_none_of_twilio_s_never_passes(body, forged):
    signature = signed(url_of(body))
    answers = [TWILIO.is_valid(url_of(body), content, signature) for content in (body, forged)]
    assert answers[1] is (forged == body and answers[0])


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=5))
def test_forms_are_read_as_twilio_s_own_check_reads_them(pairs):
    fields = FormData(pairs)
    signature = signed(URL, fields)
    sent = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in pairs)
    assert TWILIO.is_valid(URL, sent, signature) is bool(ORACLE.validate(URL, fields, signature))


def quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


# https://docs.slack.dev/authentication/verifying-requests-from-slack
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_AT = 1_531_420_618
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK_HEADERS = {
    "X-Slack-Request-Timestamp": str(SLACK_AT),
    "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
}


@pytest.mark.parametrize(
    ("changed", "body", "now", "is_valid"),
    [
        ({}, SLACK_BODY, SLACK_AT, True),
        ({}, SLACK_BODY, SLACK_AT + 300, True),
        ({}, SLACK_BODY, SLACK_AT - 300, True),
        ({}, SLACK_BODY, SLACK_AT + 301, False),
        ({}, SLACK_BODY, SLACK_AT - 301, False),
        ({}, SLACK_BODY + b"x", SLACK_AT, False),
        ({"X-Slack-Request-Timestamp": str(SLACK_AT + 1)}, SLACK_BODY, SLACK_AT, False),
        *(
            ({"X-Slack-Request-Timestamp": wrong}, SLACK_BODY, SLACK_AT, False)
            for wrong in ("", "nan", "1e9", "-1", "\u0661", "9" * 5_000, f" {SLACK_AT}", f"{SLACK_AT}.0")
        ),
        *(
            ({"X-Slack-Signature": wrong}, SLACK_BODY, SLACK_AT, False)
            for wrong in ("", "v0=", "v1=" + SLACK_HEADERS["X-Slack-Signature"][3:], "\u2603", "\ud800")
        ),
    ],
)
def test_slack(changed, body, now, is_valid):
    slack = lapbell.signatures.Slack(SLACK_SECRET, clock=lambda: now)
    assert slack.is_valid(body, SLACK_HEADERS | changed) is is_valid


# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md and its libraries' tests
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, PAYLOAD = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
RIGHT = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="


def standard(signature: str = RIGHT, message_id: str = ID, timestamp: str = str(AT), prefix: str = "webhook") -> Any:
    return {f"{prefix}-id": message_id, f"{prefix}-timestamp": timestamp, f"{prefix}-signature": signature}


CASES: Mapping[str, tuple[Mapping[str, str], bytes, float, bool]] = {
    "the published example": (standard(), PAYLOAD, AT, True),
    "Svix' names": (standard(prefix="svix"), PAYLOAD, AT, True),
    "names in capitals": (standard(prefix="Webhook"), PAYLOAD, AT, True),
    "Starlette's headers": (Headers(standard()), PAYLOAD, AT, True),
    "several signatures": (standard(f"v1a,AAAA {OTHER} {RIGHT}"), PAYLOAD, AT, True),
    "as late as it may be": (standard(), PAYLOAD, AT + 300, True),
    "too late": (standard(), PAYLOAD, AT + 301, False),
    "too early": (standard(), PAYLOAD, AT - 301, False),
    "another body": (standard(), b'{"test": 2432232315}', AT, False),
    "another id": (standard(message_id="msg_2"), PAYLOAD, AT, False),
    "another time": (standard(timestamp=str(AT + 1)), PAYLOAD, AT, False),
    "no id": (standard(message_id=""), PAYLOAD, AT, False),
    "no time": (standard(timestamp="now"), PAYLOAD, AT, False),
    "another version": (standard("v2" + RIGHT[2:]), PAYLOAD, AT, False),
    "without a version": (standard(RIGHT[3:]), PAYLOAD, AT, False),
    "of nobody": (standard(OTHER), PAYLOAD, AT, False),
    "no signature": (standard(""), PAYLOAD, AT, False),
    "no headers": ({}, PAYLOAD, AT, False),
    "no text": (standard("v1,\ud800", message_id="\ud800"), PAYLOAD, AT, False),
}


@pytest.mark.parametrize("case", CASES)
def test_standard_webhooks(case):
    headers, body, now, is_valid = CASES[case]
    webhooks = lapbell.signatures.StandardWebhooks(WHSEC, clock=lambda: now)
    assert webhooks.is_valid(body, headers) is is_valid


def test_two_secrets_stand_while_one_is_changed():
    new = "whsec_" + base64.b64encode(b"another secret of 24 byt").decode()
    secrets = {"new first": [new, WHSEC], "old first": [WHSEC, new], "new alone": [new]}
    answers = {
        name: lapbell.signatures.StandardWebhooks(names, clock=lambda: AT).is_valid(PAYLOAD, standard())
        for name, names in secrets.items()
    }
    assert answers == {"new first": True, "old first": True, "new alone": False}


@pytest.mark.parametrize("kind", ["GitHub", "Shopify", "Slack", "StandardWebhooks", "Stripe", "Twilio"])
@pytest.mark.parametrize("secret", ["", " ", None, b"hunter2", 5, object(), lambda: "hunter2", "hunter2\ud800"])
def test_a_secret_that_is_none_is_refused_and_not_quoted(kind, secret):
    with pytest.raises(lapbell.LapbellError) as refused:
        getattr(lapbell.signatures, kind)(secret)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("secret", ["whsec_hüñter2", "whsec_!!!!", "whsec_", [None], [WHSEC, "whsec_é"], []])
def test_a_secret_that_is_not_in_base64_is_refused(secret):
    with pytest.raises(lapbell.LapbellError):
        lapbell.signatures.StandardWebhooks(secret)


@pytest.mark.parametrize("tolerance_s", [math.inf, math.nan, -1, 0, "300"])
@pytest.mark.parametrize("kind", ["Slack", "StandardWebhooks"])
def test_a_tolerance_that_is_none_is_refused(kind, tolerance_s):
    with pytest.raises(lapbell.LapbellError, match="tolerance_s"):
        getattr(lapbell.signatures, kind)(WHSEC, tolerance_s)


def test_what_a_standard_webhook_is_about():
    payload = json.dumps({"type": "user.created", "timestamp": "2023-01-19T00:13:51Z", "data": {}})
    assert lapbell.event_types.standard_webhooks(payload) == "user.created"


@pytest.mark.parametrize("signature", ["\ud800", "snowman \u2603", None])
def test_signatures_of_no_letters_belong_to_no_body(signature):
    right = "sha256=" + hmac.new(b"s", b"body", hashlib.sha256).hexdigest()
    github, shopify = lapbell.signatures.GitHub("s"), lapbell.signatures.Shopify("s")
    answers = [github.is_valid(b"body", right), github.is_valid(b"body", signature), shopify.is_valid(b"", signature)]
    assert answers == [True, False, False]
