"""What one receiver was told last of each incident whose end it has not heard of."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lapbell_evaluator.model import Notice, State

__all__ = ["NotificationLog"]


class NotificationLog:
    """The last notice of each incident that a receiver knows as not over, by the group that it was told in.

    Args:
        told: what an earlier evaluator told, with the key of the group of each.
    """

    def __init__(self, told: Iterable[tuple[str, Notice]] = ()) -> None:
        self._groups: dict[str, dict[str, Notice]] = {}
        self._group_of: dict[str, str] = {}
        for group, notice in told:
            self._put(group, notice)

    def knows(self, incident: str) -> bool:
        """Whether the receiver knows the incident of this id as not over."""
        return incident in self._group_of

    def group_of(self, incident: str) -> str | None:
        """The key of the group that an incident was told in; None if it was not."""
        return self._group_of.get(incident)

    def groups(self) -> tuple[str, ...]:
        """The keys of all groups."""
        return tuple(self._groups)

    def told(self, group: str) -> tuple[Notice, ...]:
        """The last notice of each incident of a group."""
        return tuple(self._groups.get(group, {}).values())

    def sent_at(self, group: str) -> float | None:
        """Unix seconds of the last message about a group; None if there was none."""
        return max((notice.sent_at for notice in self.told(group) if notice.sent_at is not None), default=None)

    def take(self, group: str, notices: Sequence[Notice], at: float) -> None:
        """The receiver has taken the notices of a group at Unix seconds."""
        for notice in notices:
            incident = notice.transition.incident.id
            if notice.transition.state is State.RESOLVED:
                self.forget(incident)
            else:
                self._put(group, replace(notice, sent_at=at))

    def forget(self, incident: str) -> None:
        """The receiver has heard of the end of an incident, or never will."""
        group = self._group_of.pop(incident, None)
        if group is None:
            return
        del self._groups[group][incident]
        if not self._groups[group]:
            del self._groups[group]

    def _put(self, group: str, notice: Notice) -> None:
        incident = notice.transition.incident.id
        self.forget(incident)
        self._groups.setdefault(group, {})[incident] = notice
        self._group_of[incident] = group
