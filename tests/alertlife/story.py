"""A book of alerts with a hand-moved clock, and what it told."""

from dataclasses import dataclass, field

from lapbell_evaluator.alerts import Book, Hand, Observation, Plan, Sight, Terms
from lapbell_evaluator.model import Change, Labels, Transition, labels


def identity(severity: str = "warning", **more: str) -> Labels:
    return labels({"alertname": "Slow", "job": "app", "severity": severity, **more})


@dataclass(slots=True)
class Story:
    """Pushes observations into a book and keeps the transitions."""

    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    book: Book = field(default_factory=Book)
    now: float = 0.0
    told: list[Transition] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def see(self, at: float, *sights: Sight, value: float = 2.0, detail: str = "") -> None:
        """One evaluation: what is seen of the warning, and of the critical one if that is said too."""
        self.see_each(at, dict(zip(("warning", "critical"), sights, strict=False)), value=value, detail=detail)

    def see_each(self, at: float, sights: dict[str, Sight], *, value: float = 2.0, detail: str = "") -> None:
        self.now = at
        sightings = [
            (
                Terms(
                    group="g",
                    rule=f"g/{severity}",
                    threshold=1.0,
                    for_s=self.for_s,
                    keep_firing_for_s=self.keep_firing_for_s,
                ),
                [Observation(identity(severity), labels({"job": "app"}), sight, value, detail)],
            )
            for severity, sight in sights.items()
        ]
        self.adopt(self.book.plan(sightings, at))

    def adopt(self, plan: Plan) -> None:
        self.book.adopt(plan)
        self.changes.append(plan.change)
        self.told.extend(plan.change.transitions)

    def resolve(self, at: float) -> None:
        self.adopt(self.book.resolve(self.key, Hand("ann", "fixed"), at))

    def acknowledge(self, at: float) -> None:
        self.adopt(self.book.acknowledge(self.key, Hand("bob", "mine"), at))

    @property
    def key(self) -> str:
        return next(iter(self.book.incidents))

    def news(self) -> list[tuple[float, str, str, str]]:
        """What receivers are told: time, state, severity, reason."""
        return [(each.at, each.state, each.incident.severity, each.reason) for each in self.told if each.is_news]
