"""The evaluator as a process: its log, its signals, its loop."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

import uvloop

from lapbell_evaluator.app import Running, running
from lapbell_evaluator.config import Settings, admin_token_file
from lapbell_evaluator.garbage import collect_seldom, spare_what_stays
from lapbell_evaluator.model import EvaluatorError

__all__ = ["serve_until_stopped"]

_UMASK: Final = 0o077  # databases hold what apps said of their failures
_SWITCH_S: Final = 0.001
"""The loop waits so long for each thread that works, where Python's own 5 ms made it late by 50 to 110 ms."""
_log: Final = logging.getLogger("lapbell_evaluator")


def serve_until_stopped(reread: Callable[[], Settings]) -> None:
    """Runs the evaluator until SIGINT or SIGTERM; SIGHUP reads rules, thresholds and receivers again.

    Args:
        reread: gives the configuration, now and at each reload.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    for noisy in ("alembic", "httpx", "uvicorn"):  # httpx tells whole URLs, with their passwords
        logging.getLogger(noisy).setLevel(logging.WARNING)
    collect_seldom()
    sys.setswitchinterval(_SWITCH_S)
    os.umask(_UMASK)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(reread))


async def _serve(reread: Callable[[], Settings]) -> None:
    settings = reread()
    stopping, serving = asyncio.Event(), asyncio.current_task()
    is_started = False

    def stop() -> None:
        stopping.set()
        if serving is not None and not is_started:
            serving.cancel()  # it may wait for the database for as long as another evaluator has it

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        async with running(settings, reread=reread) as evaluator, asyncio.TaskGroup() as tasks:
            is_started = True
            spare_what_stays()
            loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(_reload(evaluator)))
            _log.info(
                "ready: REST http://%s, OTLP/gRPC %s, OTLP/HTTP http://%s, admin token in %s",
                evaluator.rest,
                evaluator.otlp_grpc,
                evaluator.otlp_http,
                admin_token_file(settings),
            )
            await stopping.wait()
            _log.info("stopping")
    except asyncio.CancelledError:
        if not stopping.is_set():
            raise


async def _reload(evaluator: Running) -> None:
    try:
        await evaluator.reload(signal.SIGHUP.name)
    except EvaluatorError as error:
        _log.error("not reloaded, everything stays as it was: %s", error)
    else:
        _log.info("rules, thresholds and receivers were read again")
