import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell.breakdown import Piece, phase_of_name, self_times

ROOT = Piece("root", None, 0, 100)


def piece(key: str, start: int, end: int | None, phase: str | None = None, parent: str = "root") -> Piece:
    return Piece(key, parent, start, end, phase or key)


def test_a_request_without_phases_is_all_other():
    assert self_times(ROOT, []) == {"other": 100}


def test_gaps_between_phases_belong_to_other():
    assert self_times(ROOT, [piece("validation", 10, 30), piece("cache_lookup", 50, 60)]) == {
        "validation": 20,
        "cache_lookup": 10,
        "other": 70,
    }


def test_a_phase_inside_a_phase_takes_its_time_from_it():
    lookup = piece("cache_lookup", 10, 50)
    redis = piece("redis_operation", 20, 45, parent="cache_lookup")
    assert self_times(ROOT, [lookup, redis]) == {"cache_lookup": 15, "redis_operation": 25, "other": 60}


def test_of_siblings_that_overlap_the_one_that_ends_last_owns_the_time():
    assert self_times(ROOT, [piece("a", 0, 60), piece("b", 40, 100)]) == {"a": 40, "b": 60, "other": 0}


def test_a_sibling_within_a_longer_one_is_off_the_critical_path():
    assert self_times(ROOT, [piece("a", 0, 100), piece("b", 40, 60)]) == {"a": 100, "other": 0}


def test_a_span_without_a_phase_gives_its_time_to_the_phase_above():
    endpoint = Piece("endpoint", "root", 0, 80, None)
    lookup = Piece("lookup", "endpoint", 10, 70, "cache_lookup")
    query = Piece("query", "lookup", 20, 30, None)
    assert self_times(ROOT, [endpoint, lookup, query]) == {"other": 40, "cache_lookup": 60}


def test_what_ends_after_the_root_or_never_is_clipped():
    assert self_times(ROOT, [piece("late", 90, 500), piece("open", 40, None)]) == {"open": 60, "other": 40}


def test_a_child_that_runs_on_after_its_parent_counts_within_the_parent():
    lookup = piece("cache_lookup", 10, 50)
    redis = piece("redis_operation", 40, 90, parent="cache_lookup")
    assert self_times(ROOT, [lookup, redis]) == {"cache_lookup": 30, "redis_operation": 10, "other": 60}


def test_a_piece_whose_parent_is_unknown_counts_under_the_root():
    assert self_times(ROOT, [piece("orphan", 10, 20, parent="lost")]) == {"orphan": 10, "other": 90}


def test_a_root_that_has_not_ended_cannot_be_attributed():
    with pytest.raises(ValueError, match="pass its end_ns"):
        self_times(Piece("root", None, 0, None), [])


@pytest.mark.parametrize(
    ("name", "kinds", "phase"),
    [
        ("webhook.signature_validation", {}, "signature_validation"),
        ("fastapi.dependencies", {}, "validation"),
        ("fastapi.serialization", {}, "response_preparation"),
        ("fastapi.endpoint", {}, None),
        ("GET", {"is_redis": True}, "redis_operation"),
        ("send tasks", {"is_producer": True}, "task_queuing"),
        ("GET", {}, None),
    ],
)
def test_spans_stand_for_phases(name, kinds, phase):
    assert phase_of_name(name, **kinds) == phase


NEVER = 1 << 62
"""The end of a piece that has none: later than any."""


def oracle(root: Piece, pieces: list[Piece]) -> dict[str, int]:
    """Instant by instant: go down from the root to the child that ends last of those that run now."""
    assert root.end_ns is not None
    pieces = [piece for piece in pieces if piece.key != root.key]
    keys = {piece.key for piece in pieces}
    end_of = {piece.key: NEVER if piece.end_ns is None else piece.end_ns for piece in pieces}
    edges: set[int] = {root.start_ns, root.end_ns, *(piece.start_ns for piece in pieces), *(e for e in end_of.values())}
    instants = sorted(instant for instant in edges if root.start_ns <= instant <= root.end_ns)
    times: dict[str, int] = {}
    for since, until in itertools.pairwise(instants):
        here, owner = root, "other"
        while True:
            running = [
                piece
                for piece in pieces
                if (piece.parent if piece.parent in keys and piece.parent != piece.key else root.key) == here.key
                and piece.start_ns <= since
                and end_of[piece.key] >= until
            ]
            if not running:
                break
            here = max(running, key=lambda piece: (end_of[piece.key], -piece.start_ns))
            owner = here.phase or owner
        times[owner] = times.get(owner, 0) + until - since
    return {phase: time for phase, time in times.items() if time}


def tree(seed: int) -> list[Piece]:
    """Children that overlap, run late, never end, have no phase or an unknown parent."""
    rng = random.Random(seed)
    pieces: list[Piece] = []
    for number in range(rng.randint(0, 12)):
        parent = rng.choice(["root", "lost", *(piece.key for piece in pieces)])
        start = rng.randint(-20, 120)
        end = None if rng.random() < 0.1 else start + rng.choice([0, 1, *range(2, 90)])
        # Distinct ends: of two that end together either may own the time.
        end = None if end is None else end * 16 + number
        phase = rng.choice([None, "a", "b", "c"])
        pieces.append(Piece(f"{number}", parent, start * 16 + number, end, phase))
    return pieces


def test_random_trees_sum_to_the_root_and_agree_with_the_oracle():
    root = Piece("root", None, 0, 1600)
    for seed in range(scaled(20_000)):
        pieces = tree(seed)
        times = self_times(root, pieces)
        assert min(times.values()) >= 0, seed
        assert sum(times.values()) == 1600, seed
        assert {phase: time for phase, time in times.items() if time} == oracle(root, pieces), seed


times = st.integers(-50, 200)


@settings(max_examples=scaled(300), deadline=None)
@given(
    st.lists(
        st.tuples(times, st.one_of(st.none(), times), st.integers(-1, 10), st.sampled_from([None, "a", "b"])),
        max_size=12,
    )
)
def test_parts_are_never_negative_and_always_sum_to_the_root(spans):
    pieces = [Piece(number, parent, start, end, phase) for number, (start, end, parent, phase) in enumerate(spans)]
    times = self_times(Piece(-1, None, 0, 100), pieces)
    assert sum(times.values()) == 100
    assert min(times.values()) >= 0
