"""OpenTelemetry's JavaScript SDK, a client written by others in another language, is understood as Python's is."""

import asyncio
import os
from pathlib import Path

import pytest

from otlp_kit.reception import Gates, open_gates
from peers import require, require_node_sdk

SCRIPT = Path(__file__).with_name("node_client.cjs")
SENDER = 'instance="one",job="node-app"'


async def send(protocol: str, gates: Gates) -> None:
    endpoint = gates.grpc if protocol == "grpc" else gates.http
    env = {**os.environ, "NODE_PATH": str(require_node_sdk())}
    process = await asyncio.create_subprocess_exec(
        require("node"), SCRIPT, protocol, endpoint, env=env, stderr=asyncio.subprocess.PIPE
    )
    _, complaints = await process.communicate()
    assert process.returncode == 0
    assert complaints.decode() == ""


@pytest.mark.parametrize("protocol", ["proto", "json", "grpc"])
async def test_metrics_of_every_kind_arrive_with_the_values_that_were_recorded(protocol):
    async with open_gates() as gates:
        await send(protocol, gates)
        last = {name: value for name, _, value in gates.store.samples}
        histograms = {name: histogram for name, _, histogram in gates.store.histograms}

    assert {name: value for name, value in last.items() if not name.startswith("target_info")} == {
        f'orders_total{{{SENDER},kind="new"}}': 3.0,
        f'depth{{{SENDER},queue="q"}}': 7.0,
        f'duration_seconds_bucket{{http_route="/w",{SENDER},le="0.5"}}': 1.0,
        f'duration_seconds_bucket{{http_route="/w",{SENDER},le="2"}}': 2.0,
        f'duration_seconds_bucket{{http_route="/w",{SENDER},le="+Inf"}}': 3.0,
        f'duration_seconds_count{{http_route="/w",{SENDER}}}': 3.0,
        f'duration_seconds_sum{{http_route="/w",{SENDER}}}': 4.0,
    }
    assert {name: (each.count, each.sum) for name, each in histograms.items()} == {f"size{{{SENDER}}}": (1.0, 4.0)}


@pytest.mark.parametrize("protocol", ["proto", "json"])
async def test_spans_arrive_with_their_ids(protocol):
    async with open_gates() as gates:
        await send(protocol, gates)
        (span,) = gates.store.spans

    assert span.name == "work"
    assert span.job == "node-app"
    assert span.attributes == (("http.route", "/w"),)
    assert len(span.trace_id) == 32
    assert len(span.span_id) == 16
