"""Ports of this machine: who may hold how many connections and requests, and for how long."""

from lapbell_evaluator.server.connection import Connection
from lapbell_evaluator.server.connection_limits import ConnectionLimits
from lapbell_evaluator.server.file_limit import connections_that_fit
from lapbell_evaluator.server.listener import listener
from lapbell_evaluator.server.loop_lag import LoopLag
from lapbell_evaluator.server.pace import Pace
from lapbell_evaluator.server.server import Server
from lapbell_evaluator.server.shares import Sender, Shares

__all__ = [
    "Connection",
    "ConnectionLimits",
    "LoopLag",
    "Pace",
    "Sender",
    "Server",
    "Shares",
    "connections_that_fit",
    "listener",
]
