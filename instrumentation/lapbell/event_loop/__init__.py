"""The event loop: how late it is, and the line of the app that keeps it from running."""

from lapbell.event_loop.block import Block, CodeLine
from lapbell.event_loop.heartbeat import PERIOD_S, Heartbeat
from lapbell.event_loop.watchdog import Watchdog

__all__ = ["PERIOD_S", "Block", "CodeLine", "Heartbeat", "Watchdog"]
