"""What waits in a queue, and what its workers do."""

from dataclasses import dataclass

__all__ = ["PriorityDepth", "QueueEvidence", "TaskShare"]


@dataclass(frozen=True, slots=True)
class PriorityDepth:
    """The messages of one priority that wait.

    Attributes:
        priority: high, normal, low, …; empty if the queue has none.
        ready: messages.
        oldest_s: age of the oldest in seconds; None if that was not measured.
    """

    priority: str
    ready: float
    oldest_s: float | None = None


@dataclass(frozen=True, slots=True)
class TaskShare:
    """The tasks of one name.

    Attributes:
        task: its name.
        share: 0..1 of the time that all tasks of the queue took.
        mean_s: seconds per task.
        count: tasks of the window, those that failed included.
        failed: tasks of the window that failed.
        error_type: the most frequent type of failure; empty if none failed.
    """

    task: str
    share: float
    mean_s: float
    count: float
    failed: float = 0.0
    error_type: str = ""


@dataclass(frozen=True, slots=True)
class QueueEvidence:
    """What waits in a queue, and what its workers do.

    Attributes:
        priorities: the most messages first.
        tasks: the most failures first, then the most time.
        workers: busy and idle together; 0 if those of the last half hour are gone; None if that was not measured.
        busy: workers that process; None if that was not measured.
    """

    priorities: tuple[PriorityDepth, ...] = ()
    tasks: tuple[TaskShare, ...] = ()
    workers: float | None = None
    busy: float | None = None
