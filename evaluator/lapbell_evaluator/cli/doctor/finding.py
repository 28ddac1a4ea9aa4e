"""What one check found."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Place", "Verdict"]


class Verdict(StrEnum):
    """How it stands with what was looked at; `note` is harmless, yet explains a silence."""

    OK = "ok"
    NOTE = "note"
    SKIPPED = "skipped"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        check: its name for programs, such as `gates.otlp_grpc`; what stands before the dot is the section.
        looked_at: what was looked at.
        verdict: how it stands.
        found: what was found.
        remedy: a command or a setting by name; empty where there is nothing to do.
    """

    check: str
    looked_at: str
    verdict: Verdict
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a check looks, and the findings that it may make there."""

    check: str
    looked_at: str

    def ok(self, found: str) -> Finding:
        """All is well."""
        return Finding(self.check, self.looked_at, Verdict.OK, found)

    def note(self, found: str, remedy: str = "") -> Finding:
        """Harmless, yet worth knowing."""
        return Finding(self.check, self.looked_at, Verdict.NOTE, found, remedy)

    def skipped(self, found: str, remedy: str = "") -> Finding:
        """It could not be looked at, and why."""
        return Finding(self.check, self.looked_at, Verdict.SKIPPED, found, remedy)

    def warning(self, found: str, remedy: str) -> Finding:
        """It may be the cause."""
        return Finding(self.check, self.looked_at, Verdict.WARNING, found, remedy)

    def wrong(self, found: str, remedy: str) -> Finding:
        """It does not work."""
        return Finding(self.check, self.looked_at, Verdict.WRONG, found, remedy)
