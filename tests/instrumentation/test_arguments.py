"""What makes no sense is told at set-up, with what makes sense."""

import pytest

import lapbell


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"app": "main:app"}, "pass the app itself"),
        ({"provider": 5}, 'pass a name such as "twilio"'),
        ({"queues": 5}, "pass a list of lapbell.queues.RedisLists"),
        ({"queues": [5]}, "pass a list of lapbell.queues.RedisLists"),
        ({"queues": {"a": 1}}, "pass a list of lapbell.queues.RedisLists"),
        ({"targets": ()}, r"such as \(0.5, 2.0\)"),
        ({"targets": (1,)}, r"such as \(0.5, 2.0\)"),
        ({"targets": "ab"}, r"such as \(0.5, 2.0\)"),
        ({"targets": (2.0, 0.5)}, r"such as \(0.5, 2.0\)"),
    ],
)
def test_an_argument_that_makes_no_sense_is_told(arguments, message):
    with pytest.raises(lapbell.LapbellError, match=message):
        lapbell.setup(**arguments)
