"""What it means that a sender leaves something out, and that two senders say the same."""

from otlp_kit import gauge, number, resource, total
from otlp_kit.offline_receiver import OfflineReceiver


def export(receiver, at, *, with_depth, of=None):
    points = [number(7, at)] if with_depth else []
    return receiver.take(gauge("depth", points), gauge("other", [number(1, at)]), of=of)


def test_a_gauge_that_two_collections_leave_out_is_stale():
    receiver = OfflineReceiver()
    for at, with_depth in ((100, True), (105, False), (110, False), (115, False)):
        export(receiver, at, with_depth=with_depth)
    assert receiver.store.of("depth") == [("depth", 100_000, 7.0), ("depth", 110_000, "stale")]


def test_a_gauge_that_one_collection_leaves_out_is_not():
    receiver = OfflineReceiver()
    for at, with_depth in ((100, True), (105, False), (110, True)):
        export(receiver, at, with_depth=with_depth)
    assert receiver.store.of("depth") == [("depth", 100_000, 7.0), ("depth", 110_000, 7.0)]


def test_a_gauge_that_comes_back_lives_again():
    receiver = OfflineReceiver()
    for at, with_depth in ((100, True), (105, False), (110, False), (115, True), (120, False), (125, False)):
        export(receiver, at, with_depth=with_depth)
    assert [value for _, _, value in receiver.store.of("depth")] == [7.0, "stale", 7.0, "stale"]


def test_one_collection_in_several_exports_is_one():
    receiver = OfflineReceiver()
    export(receiver, 100, with_depth=True)
    for _ in range(4):
        export(receiver, 105, with_depth=False)
    assert receiver.store.of("depth") == [("depth", 100_000, 7.0)]


def test_exports_of_another_sender_say_nothing_about_a_gauge():
    receiver = OfflineReceiver()
    export(receiver, 100, with_depth=True, of=resource(service_name="a"))
    for at in (105, 110, 115):
        export(receiver, at, with_depth=False, of=resource(service_name="b"))
    assert [value for _, _, value in receiver.store.of("depth")] == [7.0]


def test_the_newer_of_two_processes_that_send_one_series_wins_and_the_older_is_told():
    receiver = OfflineReceiver()
    rejected = [
        receiver.take(total("orders", [number(value, at, start=start)])).rejected
        for value, at, start in ((50, 110, 10), (1, 120, 100), (51, 125, 10), (2, 130, 100))
    ]
    assert [time_and_value[1:] for time_and_value in receiver.store.samples] == [
        (10_000, 0.0),
        (110_000, 50.0),
        (100_000, 0.0),
        (120_000, 1.0),
        (130_000, 2.0),
    ]
    assert [sum(each.values()) for each in rejected] == [0, 0, 1, 0]


def test_a_late_point_of_the_process_before_is_taken():
    receiver = OfflineReceiver()
    receiver.take(total("orders", [number(50, 90, start=10)]))
    receiver.take(total("orders", [number(1, 120, start=100)]))
    assert receiver.take(total("orders", [number(51, 95, start=10)])).rejected == {}


def test_the_older_process_is_heard_again_when_the_newer_one_has_been_silent_for_five_minutes():
    receiver = OfflineReceiver()
    receiver.take(total("orders", [number(1, 120, start=100)]))
    assert receiver.take(total("orders", [number(51, 421, start=10)])).rejected == {}
