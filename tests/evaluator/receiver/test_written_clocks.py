"""Clocks of those who send by remote write: treated as the clocks of OTLP's senders, one for each address."""

import cramjam
import pytest

from lapbell_evaluator.model import labels
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.remote_write import WrittenSeries
from lapbell_evaluator.receiver.sender_clocks import SenderClocks
from lapbell_evaluator.receiver.translated import Translated
from lapbell_evaluator.receiver.write_messages import decode_written
from lapbell_evaluator.series import SeriesStore
from promql_kit.remote_write import encoded_exemplar, encoded_labels, encoded_series

NOW = 1_000_000.0
PEER = "192.0.2.7"
SERIES = [encoded_labels(labels({"__name__": "up", "job": "shop", "instance": str(number)})) for number in range(3)]


def milliseconds(at: float) -> int:
    return round(1000 * at)


class Receiver:
    """What takes remote write, at a time that is moved by hand."""

    def __init__(self, *, corrects: bool = True) -> None:
        self.clocks = SenderClocks(corrects=corrects)
        self.written = WrittenSeries(SeriesStore(), Limits(), self.clocks)

    def send(self, came: float, *times: float, peer: str = PEER) -> Translated:
        """A sample of a series at each of the times, both in seconds after NOW, with an exemplar at the same time."""
        body = b"".join(
            encoded_series(
                series,
                [(milliseconds(NOW + at), 1.0)],
                encoded_exemplar((("trace_id", "a"),), 1.0, milliseconds(NOW + at)),
            )
            for series, at in zip(SERIES, times, strict=False)
        )
        request = decode_written(bytes(cramjam.snappy.compress_raw(body)), Limits().items)
        return self.written.translate(request, peer, NOW + came)


def samples(came: Translated) -> list[float]:
    """When they are, in seconds after NOW."""
    return [round(time_ms / 1000 - NOW, 3) for time_ms in came.batch.times_ms.tolist()]


def exemplars(came: Translated) -> list[float]:
    return [round(exemplar.time_ms / 1000 - NOW, 3) for _, exemplar in came.exemplars]


def test_who_is_two_minutes_ahead_loses_nothing_and_stands_where_it_arrived():
    receiver = Receiver()
    came = [receiver.send(at, at + 120, at + 120) for at in (0, 15, 30)]
    assert [samples(one) for one in came] == [exemplars(one) for one in came] == [[0, 0], [15, 15], [30, 30]]
    assert [one.rejected for one in came] == [{}, {}, {}]


def test_its_offset_is_told():
    receiver = Receiver()
    receiver.send(0, 120)
    told = {reading.attributes: reading.value for reading in receiver.clocks.readings(NOW)}
    assert told == {labels({"lapbell.sender.job": "remote_write", "lapbell.sender.instance": PEER}): 120.0}


def test_who_is_eleven_minutes_ahead_is_rejected_by_name():
    came = Receiver().send(0, 660, 660)
    assert came.rejected == {"points of senders whose clocks are more than ten minutes ahead": 2}
    assert came.remarks == (f"the clock of the sender at {PEER} is 660 s ahead",)
    assert samples(came) == exemplars(came) == []


def test_a_right_clock_behind_the_same_address_as_a_fast_one_stays_as_it_is():
    receiver = Receiver()
    came = [samples(receiver.send(at, at + 120 * is_fast)) for at, is_fast in ((0, 1), (1, 0), (15, 1), (16, 0))]
    assert came == [[0], [1], [15], [16]]


def test_another_sender_is_not_shifted():
    receiver = Receiver()
    receiver.send(0, 120)
    assert samples(receiver.send(1, 3, peer="192.0.2.8")) == [3]


@pytest.mark.parametrize("late_s", [40, 400, 4000])
def test_a_queue_that_drains_is_history_and_not_a_clock(late_s):
    receiver, sent = Receiver(), [15 * at - late_s * (8 - at) / 8 for at in range(8)]
    came = [samples(receiver.send(15 * at, newest)) for at, newest in enumerate(sent)]
    assert came == [[newest] for newest in sent]


def test_one_series_with_times_of_its_own_shifts_nothing_and_is_rejected_beyond_a_minute():
    receiver = Receiver()
    came = receiver.send(0, -1, -1, 300)
    assert samples(came) == [-1, -1]
    assert came.rejected == {"samples from the future": 1}


def test_where_clocks_are_not_corrected_times_stay_and_the_future_is_rejected():
    receiver = Receiver(corrects=False)
    assert samples(receiver.send(0, 30)) == [30]
    assert receiver.send(1, 120).rejected == {"samples from the future": 1}
