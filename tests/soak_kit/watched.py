"""An evaluator that watches its own event loop: `python -m soak_kit.watched FOLDER RULE_FILE`.

Prints its pid and the ports of REST and OTLP/HTTP. For each line that it reads it prints, as JSON, how late the loop
was since the line before: see `Lateness`.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import uvloop

from lapbell_evaluator.app import running
from lapbell_evaluator.config import Settings
from lapbell_evaluator.garbage import collect_seldom, spare_what_stays

__all__ = ["Lateness"]

BEAT_S: Final = 0.005


@dataclass(slots=True)
class Lateness:
    """What a beat of 5 ms saw.

    Attributes:
        late_ms: how late each beat was.
        cpu_ms: what the loop's own thread worked between two beats; no callback took longer.
        worked_ms: what all threads of the process worked: the loop waits where they hold the interpreter's lock.
    """

    late_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    worked_ms: list[float] = field(default_factory=list)


class Beat:
    """Beats on the running loop, whose thread is the caller's."""

    def __init__(self) -> None:
        self.seen = Lateness()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            began, cpu, worked = time.monotonic(), time.thread_time(), time.process_time()
            await asyncio.sleep(BEAT_S)
            self.seen.late_ms.append(1e3 * (time.monotonic() - began - BEAT_S))
            self.seen.cpu_ms.append(1e3 * (time.thread_time() - cpu))
            self.seen.worked_ms.append(1e3 * (time.process_time() - worked))


async def answer(beat: Beat) -> None:
    """Tell what was seen for each line that comes in, until there is no more."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        seen, beat.seen = beat.seen, Lateness()
        await asyncio.to_thread(tell, seen)


def tell(seen: Lateness) -> None:
    print(json.dumps(asdict(seen)), flush=True)


async def serve(folder: Path, rule_file: Path) -> None:
    listen = {"rest": "127.0.0.1:0", "otlp_grpc": "127.0.0.1:0", "otlp_http": "127.0.0.1:0"}

    def reread() -> Settings:
        return Settings.model_validate({"listen": listen, "data_dir": folder, "rules": {"files": [rule_file]}})

    async with running(reread(), reread=reread) as addresses:
        spare_what_stays()  # as the process does
        beat = Beat()
        beating = asyncio.create_task(beat.run())
        print(*(address.rpartition(":")[2] for address in (addresses.rest, addresses.otlp_http)), flush=True)
        await answer(beat)
        beating.cancel()


if __name__ == "__main__":
    collect_seldom()
    sys.setswitchinterval(0.001)  # as the process has it
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
