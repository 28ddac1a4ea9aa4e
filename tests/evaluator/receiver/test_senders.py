"""How many may send at once: the limit itself still may, one more is told to come again."""

import asyncio
from dataclasses import dataclass, field

import grpc
import httpx

from lapbell_evaluator.receiver import Limits
from otlp_kit import gauge, metrics_export, number
from otlp_kit.reception import open_gates

SENDERS = 3
EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
ONE_POINT = metrics_export(gauge("g", [number(1, 1_100)])).SerializeToString()
PROTOBUF = {"content-type": "application/x-protobuf"}


@dataclass
class SlowDisk:
    """Acknowledges nothing before it is released."""

    is_full: asyncio.Event = field(default_factory=asyncio.Event)
    is_released: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def committed(self) -> None:
        self.waiting += 1
        if self.waiting == SENDERS:
            self.is_full.set()
        await self.is_released.wait()


async def test_over_http_one_sender_too_many_is_told_to_come_again():
    disk = SlowDisk()
    async with open_gates(Limits(senders=SENDERS), durable=disk) as gates, httpx.AsyncClient(timeout=60) as client:

        async def send() -> int:
            answer = await client.post(f"{gates.http}/v1/metrics", content=ONE_POINT, headers=PROTOBUF)
            return answer.status_code

        others = [asyncio.create_task(send()) for _ in range(SENDERS)]
        await disk.is_full.wait()
        refused = await send()
        disk.is_released.set()
        assert {"refused": refused, "taken": await asyncio.gather(*others)} == {
            "refused": 429,
            "taken": [200] * SENDERS,
        }


async def test_over_grpc_one_export_too_many_is_told_to_come_again():
    disk = SlowDisk()
    async with (
        open_gates(Limits(senders=SENDERS), durable=disk) as gates,
        grpc.aio.insecure_channel(f"127.0.0.1:{gates.grpc_port}") as channel,
    ):

        async def send() -> tuple[str, bool]:
            """The status, and whether the trailers say when to come again."""
            try:
                await channel.unary_unary(EXPORT, bytes, bytes)(ONE_POINT)
            except grpc.aio.AioRpcError as error:
                return error.code().name, "google.rpc.retryinfo-bin" in error.trailing_metadata()
            return "OK", False

        others = [asyncio.create_task(send()) for _ in range(SENDERS)]
        await disk.is_full.wait()
        refused = await send()
        disk.is_released.set()
        assert {"refused": refused, "taken": await asyncio.gather(*others)} == {
            "refused": ("UNAVAILABLE", True),
            "taken": [("OK", False)] * SENDERS,
        }
