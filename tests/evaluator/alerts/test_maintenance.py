"""Maintenance windows beside an oracle that looks at every minute, where clocks are set forward and back."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.alerts import MaintenanceError, MaintenanceWindows, check_maintenance, parse_matchers
from lapbell_evaluator.model import Maintenance, MaintenanceState

MINUTE = timedelta(minutes=1)
CHANGES = [  # days on which clocks are set, by zone
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/Santiago", date(2026, 4, 5)),
    ("America/Santiago", date(2026, 9, 6)),
    ("Asia/Kolkata", date(2026, 6, 1)),
    ("UTC", date(2026, 6, 1)),
]
NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a schedule says, to be written as cron does or to be asked of one minute; None stands for any."""

    minute: int | None
    hour: int | None
    weekday: int | None

    @property
    def text(self) -> str:
        minute, hour = ("*" if part is None else str(part) for part in (self.minute, self.hour))
        return f"{minute} {hour} * * {'*' if self.weekday is None else NAMES[self.weekday]}"

    @property
    def is_fixed(self) -> bool:
        return self.minute is not None and self.hour is not None

    def holds(self, local: datetime) -> bool:
        wanted = (self.minute, self.hour, self.weekday)
        own = (local.minute, local.hour, (local.weekday() + 1) % 7)
        return all(part is None or part == is_ for part, is_ in zip(wanted, own, strict=True))


def window(
    schedule: str, minutes: float, zone: str = "UTC", first_day: date | None = None, last_day: date | None = None
) -> Maintenance:
    return Maintenance("w", parse_matchers("job=db"), schedule, 60.0 * minutes, ZoneInfo(zone), first_day, last_day)


def began_in(schedule: Schedule, of: Maintenance, minute: int) -> bool:
    """Whether it begins in a minute since 1970: what no clock shows begins right after it, and nothing twice."""
    local, before = (datetime.fromtimestamp(60 * at, of.zone) for at in (minute, minute - 1))
    shown = local.replace(tzinfo=None)
    if not schedule.is_fixed:
        covered = [shown]
    elif local.fold:
        covered = []
    else:
        skipped = (shown - before.replace(tzinfo=None)) // MINUTE
        covered = [shown - back * MINUTE for back in range(max(1, skipped))]
    is_within = (of.first_day or date.min) <= shown.date() <= (of.last_day or date.max)
    return is_within and any(map(schedule.holds, covered))


schedules = st.builds(
    Schedule,
    st.sampled_from([None, 0, 15, 30, 59]),
    st.sampled_from([None, 0, 1, 2, 3, 23]),
    st.sampled_from([None, None, 0, 6]),
)


@pytest.mark.timeout(600)
@settings(max_examples=scaled(20))
@given(st.sampled_from(CHANGES), schedules, st.sampled_from([1, 45, 90, 1_500]), st.randoms(use_true_random=False))
def test_at_every_minute_a_window_is_on_if_it_began_within_its_length(change, schedule, minutes, chance):
    zone, day = change
    of = window(schedule.text, minutes, zone)
    middle = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) // 60
    first, last = middle - 4_000, middle + 4_000
    begins = [minute for minute in range(first, last) if began_in(schedule, of, minute)]
    on = {at for begin in begins for at in range(begin, begin + minutes)}
    asked = [chance.randrange(middle - 1_440, middle + 1_440) for _ in range(60)]
    windows = MaintenanceWindows([of])
    found = {minute: windows.states(60.0 * minute)[0].is_on for minute in asked}
    assert found == {minute: minute in on for minute in asked}


@pytest.mark.timeout(600)
@settings(max_examples=scaled(20))
@given(st.sampled_from(CHANGES), schedules, st.sampled_from([1, 45, 90]), st.randoms(use_true_random=False))
def test_begin_end_and_next_begin_are_those_that_an_oracle_walks_to(change, schedule, minutes, chance):
    zone, day = change
    of = window(schedule.text, minutes, zone)
    middle = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) // 60
    first, last = middle - 14_400, middle + 14_400
    begins = [minute for minute in range(first, last) if began_in(schedule, of, minute)]
    on = {at for begin in begins for at in range(begin, begin + minutes)}
    windows = MaintenanceWindows([of])
    for now in (chance.randrange(middle - 1_440, middle + 1_440) for _ in range(10)):
        state = windows.states(60.0 * now + 30)[0]
        if now not in on:
            assert state.begins_at == 60.0 * next(begin for begin in begins if begin > now)
        elif state.ends_at is not None:
            began, ended = now, now
            while began - 1 in on:
                began -= 1
            while ended in on:
                ended += 1
            following = next((60.0 * begin for begin in begins if begin >= ended), None)
            assert state == MaintenanceState(of, 60.0 * began, 60.0 * ended, following)


def unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_window_in_the_hour_that_there_is_not_begins_right_after_it():
    (state,) = MaintenanceWindows([window("30 2 * * SUN", 60, "Europe/Berlin")]).states(unix("2026-03-29T03:10+02:00"))
    assert state.began_at == unix("2026-03-29T03:00+02:00")
    assert state.ends_at == unix("2026-03-29T04:00+02:00")


def test_a_window_in_the_hour_that_comes_twice_begins_once_and_lasts_as_long_as_on_other_days():
    windows = MaintenanceWindows([window("30 2 * * SUN", 90, "Europe/Berlin")])
    times = ("02:29+02:00", "02:30+02:00", "02:10+01:00", "02:59+01:00", "03:00+01:00", "02:30+01:00")
    found = {text: windows.states(unix(f"2026-10-25T{text}"))[0].is_on for text in times}
    assert found == {
        "02:29+02:00": False,
        "02:30+02:00": True,
        "02:10+01:00": True,
        "02:59+01:00": True,
        "03:00+01:00": False,
        "02:30+01:00": True,
    }


def test_days_from_which_and_until_which_bound_the_begins():
    of = window("0 23 * * *", 120, first_day=date(2026, 6, 2), last_day=date(2026, 6, 3))
    windows = MaintenanceWindows([of])
    found = {day: windows.states(unix(f"2026-06-0{day}T00:30+00:00"))[0] for day in (2, 3, 4, 5)}
    assert {day: state.is_on for day, state in found.items()} == {2: False, 3: True, 4: True, 5: False}
    assert found[2].begins_at == unix("2026-06-02T23:00+00:00")
    assert found[4].begins_at is None


def test_windows_that_run_into_each_other_are_one_and_one_that_never_ends_says_so():
    now = unix("2026-06-01T00:30+00:00")
    hourly = MaintenanceWindows([window("0 0-3 * * *", 60)]).states(now)[0]
    always = MaintenanceWindows([window("* * * * *", 5)]).states(now)[0]
    assert hourly.ends_at == unix("2026-06-01T04:00+00:00")
    assert hourly.begins_at == unix("2026-06-02T00:00+00:00")
    assert always == replace(always, ends_at=None, begins_at=None)
    assert always.is_on


@pytest.mark.parametrize(
    ("schedule", "matchers", "remedy"),
    [
        ("0 3 * *", "job=db", "Write minute, hour, day, month and weekday"),
        ("0 3 * * * *", "job=db", "has not the five fields"),
        ("0 25 * * *", "job=db", "bad hour"),
        ("0 0 30 2 *", "job=db", "bad day-of-month"),
        ("0 3 * * SUN", 'job=~".*"', "It would mute everything"),
    ],
)
def test_what_no_window_can_be_is_refused_with_the_remedy(schedule, matchers, remedy):
    with pytest.raises(MaintenanceError, match=remedy):
        check_maintenance(schedule, parse_matchers(matchers))
