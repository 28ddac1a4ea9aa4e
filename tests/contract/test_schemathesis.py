"""Whatever is sent to the REST gate, it answers as its OpenAPI document says, and never with a fault of its own."""

from functools import partial

import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from budget import scaled
from evaluator_kit import evaluator, feed
from lapbell_evaluator.api import openapi

pytestmark = pytest.mark.slow

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
CONFIG = {"generation": {"deterministic": True}, "request-timeout": 100}  # a busy machine answers late
GATE = schemathesis.openapi.from_dict(openapi("0"), config=SchemathesisConfig.from_dict(CONFIG))


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """Sends a case as the admin to an evaluator that has webhooks, commands and queues to tell of."""
    folder = tmp_path_factory.mktemp("evaluator")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(evaluator(folder)) as (client, addresses):
        portal.call(feed, client, addresses)
        token = (folder / "admin.token").read_text().strip()
        yield partial(
            schemathesis.Case.call_and_validate,
            base_url=f"http://{addresses.rest}",
            headers={"Authorization": f"Bearer {token}"},
            checks=CHECKS,
        )


@GATE.parametrize()
@settings(max_examples=scaled(40), derandomize=True, deadline=None, database=None)
def test_every_request_is_answered_as_documented_and_none_makes_the_evaluator_fail(case, call):
    call(case)
