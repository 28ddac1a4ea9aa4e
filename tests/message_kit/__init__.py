"""Receivers of messages, and the incidents that they are told of."""

from message_kit.line import Line, Said, job, line

__all__ = ["Line", "Said", "job", "line"]
