"""`python -m weeks_kit.days DAYS`, run in `tests/`: whole days of 200 services through the engine, one for each seed.

Each day is 28 service-weeks. Prints seed, incidents and faults of each day as it ends, then how each kind of trouble
was told in all of them.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

from weeks_kit.incidents import NamedIncident
from weeks_kit.judging import Faults, incidents_by_trouble, is_plain, judged
from weeks_kit.life import told_by
from weeks_kit.troubles import KINDS, Trouble
from weeks_kit.world import World

__all__: list[str] = []

_DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Told:
    """A trouble, whether it is plain enough that it must be found, and what was told of it."""

    trouble: Trouble
    is_plain: bool
    incidents: tuple[NamedIncident, ...]


def told_of(world: World, incidents: tuple[NamedIncident, ...]) -> list[Told]:
    """What was told of each trouble of a day."""
    by_trouble = incidents_by_trouble(world, incidents)
    return [Told(trouble, is_plain(world, trouble), own) for trouble, own in by_trouble.items()]


def lines_of(faults: Faults) -> list[str]:
    """Each fault in a line."""
    return [f"  {kind.name}: {fault}" for kind in fields(faults) for fault in getattr(faults, kind.name)]


def kind_table(told: Sequence[Told]) -> Iterator[str]:
    """Of each kind: troubles, plain ones, found ones, incidents of each found one, median seconds to the incident."""
    yield f"{'trouble':20}{'alert':22}" + "".join(
        f"{name:>10}" for name in ("troubles", "plain", "found", "of each", "delay")
    )
    for name, kind in KINDS.items():
        own = [one for one in told if one.trouble.kind == name]
        found = [one for one in own if one.incidents]
        each = sum(len(one.incidents) for one in found) / max(1, len(found))
        delay = median([one.incidents[0].start - one.trouble.start for one in found] or [float("nan")])
        counts = f"{len(own):10}{sum(one.is_plain for one in own):10}{len(found):10}"
        yield f"{name:20}{kind.raises:22}{counts}{each:10.2f}{delay:10.0f}"


def world_of(seed: int, services: int, outliers_percent: tuple[float, float] | None) -> World:
    """A day of ordinary services, or of services whose outliers lie between two shares."""
    if outliers_percent is None:
        return World(seed, services)
    low, high = outliers_percent
    outliers = (low / 100, high / 100)
    return World(seed, services, failures=outliers, slow=outliers)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m weeks_kit.days", description=__doc__)
    parser.add_argument("days", type=int)
    parser.add_argument("--seed", type=int, default=1, help="of the first day; the next ones count up")
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument(
        "--outliers",
        type=float,
        nargs=2,
        metavar="PERCENT",
        help="between which the shares of failed and of slow requests lie; those of ordinary services otherwise",
    )
    return parser.parse_args()


def main() -> None:
    """Run the days one after the other."""
    asked = arguments()
    told: list[Told] = []
    total = 0
    for seed in range(asked.seed, asked.seed + asked.days):
        world = world_of(seed, asked.services, asked.outliers)
        with tempfile.TemporaryDirectory() as folder:
            incidents = asyncio.run(told_by(world, Path(folder)))
        faults = lines_of(judged(world, incidents))
        heading = f"seed {seed}: {len(incidents)} incidents of {len(world.troubles)} troubles, {len(faults)} faults"
        print("\n".join([heading, *faults]), flush=True)
        told += told_of(world, incidents)
        total += len(faults)
    print(f"{total} faults in {asked.days * asked.services / _DAYS_A_WEEK:.0f} service-weeks\n")
    print("\n".join(kind_table(told)))


if __name__ == "__main__":
    main()
