"""Plays the story: traffic, a slow scene, what the evaluator says of it, and a verdict."""

import asyncio
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.live import Live

from lapbell_evaluator.demo import redis_server
from lapbell_evaluator.demo.chronicle import Chronicle
from lapbell_evaluator.demo.screen import Picture, entry_text, render
from lapbell_evaluator.demo.stage import Stage, set_up
from lapbell_evaluator.demo.story import ROUND_S, Scene, scene_at
from lapbell_evaluator.demo.traffic import Traffic

__all__ = ["play"]

_FRAME_S: Final = 0.5
_TIMEOUT_S: Final = 5.0


def play(seconds: float | None) -> int:
    """Runs the demo until Ctrl-C, or for `seconds`.

    Returns:
        The exit code: with `seconds`, 0 only if the slow phase was found, fired once and resolved.
    """
    try:
        return asyncio.run(_play(seconds))
    except KeyboardInterrupt:
        return 0


async def _play(seconds: float | None) -> int:
    console = Console()
    chronicle = Chronicle()
    stopping = _stop_on_signals()
    with tempfile.TemporaryDirectory(prefix="lapbell-demo-") as folder:
        console.print(
            f"Starting Redis ({redis_server.name()}), the evaluator, a webhook app and its worker …", style="dim"
        )
        async with set_up(Path(folder)) as stage:
            token = Path(folder, "admin.token")
            console.print(
                f"Act on its alerts with `lapbell alerts … --url {stage.evaluator_url} --token-file {token}`.",
                style="dim",
                soft_wrap=True,
            )
            console.print(_end(seconds), style="bold")
            show = _Show(console, stage, chronicle)
            await show.run(seconds, stopping)
    if seconds is not None and not stopping.is_set():
        return _verdict(console, chronicle)
    console.print("Stopped: every process has ended, and the demo's data and logs are deleted.", style="dim")
    return 0


def _end(seconds: float | None) -> str:
    if seconds is not None:
        return f"It ends after {seconds:g} s, or at Ctrl-C."
    return f"It goes on until Ctrl-C; the story begins anew every {ROUND_S:.0f} s."


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


class _Show:
    """One run of the story on a stage."""

    def __init__(self, console: Console, stage: Stage, chronicle: Chronicle) -> None:
        self._console = console
        self._stage = stage
        self._chronicle = chronicle
        self._traffic = Traffic(stage.settings)
        self._scene: Scene | None = None
        self._summary: dict[str, Any] | None = None

    async def run(self, seconds: float | None, stopping: asyncio.Event) -> None:
        """Until `stopping`, or `seconds` are over."""
        traffic = asyncio.create_task(self._traffic.run())
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
                await self._frames(client, seconds, stopping)
        finally:
            traffic.cancel()
            with suppress(asyncio.CancelledError):
                await traffic

    async def _frames(self, client: httpx.AsyncClient, seconds: float | None, stopping: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        with Live(console=self._console, auto_refresh=False, transient=False) as live:
            show = self._painter(live)
            while not stopping.is_set() and (seconds is None or clock() - began < seconds):
                elapsed_s = clock() - began
                self._stage.check()
                await self._direct(client, elapsed_s)
                await self._look(client, elapsed_s)
                show(elapsed_s)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), _FRAME_S)

    async def _direct(self, client: httpx.AsyncClient, elapsed_s: float) -> None:
        scene = scene_at(elapsed_s)
        if scene == self._scene:
            return
        self._scene = scene
        slowness = {"signature_delay_s": scene.signature_delay_s}
        (await client.put(f"{self._stage.settings.public_url}/demo/slowness", json=slowness)).raise_for_status()
        self._chronicle.note(elapsed_s, scene.title, "yellow" if scene.signature_delay_s else "green")

    async def _look(self, client: httpx.AsyncClient, elapsed_s: float) -> None:
        base = f"{self._stage.evaluator_url}/api/performance"
        summary, alerts = await asyncio.gather(
            client.get(f"{base}/summary", params={"window": "1m"}),
            client.get(f"{base}/alerts", params={"window": "1h"}),
        )
        self._summary = summary.raise_for_status().json()
        self._chronicle.observe(elapsed_s, alerts.raise_for_status().json())
        for identity, url in self._chronicle.unopened().items():
            trace = await client.get(url)
            if trace.is_success:  # else it is tried again: an exemplar may be here before its spans
                self._chronicle.observe_trace(elapsed_s, identity, url, trace.json())

    def _painter(self, live: Live) -> Callable[[float], None]:
        """On a terminal a picture, elsewhere one line for each thing that happens."""
        if self._console.is_terminal:
            return lambda elapsed_s: live.update(render(self._picture(elapsed_s)), refresh=True)
        printed = 0

        def print_news(_: float) -> None:
            nonlocal printed
            for entry in self._chronicle.entries[printed:]:
                self._console.print(entry_text(entry))
            printed = len(self._chronicle.entries)

        return print_news

    def _picture(self, elapsed_s: float) -> Picture:
        evaluator = self._stage.evaluator_url
        return Picture(
            elapsed_s=elapsed_s,
            scene=self._scene or scene_at(elapsed_s),
            redis=redis_server.name(),
            summary=self._summary if self._summary and self._summary["webhooks"]["total_webhooks"] else None,
            answers=self._traffic.answers,
            chronicle=self._chronicle,
            links={
                "summary": f"{evaluator}/api/performance/summary",
                "alerts": f"{evaluator}/api/performance/alerts",
                "API": f"{evaluator}/openapi.json",
            },
        )


def _verdict(console: Console, chronicle: Chronicle) -> int:
    console.print()
    for (key, _), alert in chronicle.fired.items():
        end = chronicle.resolved.get((key, alert["fired_at"]))
        console.print(
            f"{alert['alertname']} {key} ({alert['severity']}): fired, blamed {alert['phase_to_blame']}, "
            + (f"resolved after {end['duration']:.0f} s ({end['reason']})" if end else "still firing")
        )
    complaints = chronicle.complaints()
    for complaint in complaints:
        console.print(f"not as it should be: {complaint}", style="bold red")
    if not complaints:
        console.print("The slow phase was found, fired once and resolved.", style="bold green")
    return 1 if complaints else 0
