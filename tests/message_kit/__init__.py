"""Receivers of messages, and the incidents that they are told of."""

from message_kit.house import Configuration, Inboxes, inboxes_standing, post, reloadable
from message_kit.line import Line, Said, job, line

__all__ = ["Configuration", "Inboxes", "Line", "Said", "inboxes_standing", "job", "line", "post", "reloadable"]
