"""Writes the rules into the runbooks."""

from runbook_kit import write

write()
