"""What one receiver is told at once."""

from dataclasses import dataclass

from lapbell_evaluator.model.alert import Incident, State, Transition
from lapbell_evaluator.model.labels import Labels

__all__ = ["Notification"]


@dataclass(frozen=True, slots=True)
class Notification:
    """Where each incident of a group stands.

    Attributes:
        receiver: the name of who is told.
        key: the same if the same is sent once more: a receiver can drop the second.
        group: the same for all notifications of one group.
        group_labels: what its incidents have in common by definition.
        transitions: the last one of each incident, those that fire first, and of those the cause.
        news: ids of the transitions that were not told before, in order; empty if everything is told again.
        is_page: whether it should wake somebody: the first message of its group, a severity above those that were told,
            an incident of labels to group by that begins, or a reminder of what nobody has taken. Anything else is an
            update of a message of its group: it may be shown in that one's place, and need not be shown.
        cause: the incident that explains others; None if none is known. It need not be one of those that are told.
        explains: the incidents that it explains and that are not over, told here or not, the oldest first.
    """

    receiver: str
    key: str
    group: str
    group_labels: Labels
    transitions: tuple[Transition, ...]
    news: tuple[str, ...]
    is_page: bool
    cause: Incident | None = None
    explains: tuple[Incident, ...] = ()

    @property
    def is_firing(self) -> bool:
        """Whether any of its incidents is not over."""
        return any(transition.state is not State.RESOLVED for transition in self.transitions)
