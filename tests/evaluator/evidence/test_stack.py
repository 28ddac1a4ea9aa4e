"""Where in the app an exception was raised."""

import pytest

from lapbell import semconv
from lapbell_evaluator.evidence.span import SpanEvent, kept_events
from lapbell_evaluator.evidence.stack import app_line

APP = '  File "/srv/app/hooks.py", line 42, in handle\n    await redis.get(key)\n'
REDIS = '  File "/venv/lib/python3.12/site-packages/redis/asyncio/client.py", line 715, in execute_command\n'
ASYNCIO = '  File "/usr/lib/python3.12/asyncio/base_events.py", line 1140, in create_connection\n'
COMPILED = '  File "uvloop/loop.pyx", line 2017, in create_connection\n'


@pytest.mark.parametrize(
    ("stack", "line"),
    [
        (APP + REDIS + COMPILED, "handle (/srv/app/hooks.py:42)"),
        (APP + REDIS + ASYNCIO + '  File "<frozen codecs>", line 3, in f\n', "handle (/srv/app/hooks.py:42)"),
        (APP + '  File "<string>", line 1, in <module>\n', "handle (/srv/app/hooks.py:42)"),
        (
            APP + '  File "/src/instrumentation/lapbell/integrations/asgi.py", line 76, in _watch\n',
            "handle (/srv/app/hooks.py:42)",
        ),
        (REDIS + COMPILED, ""),
        ("", ""),
    ],
)
def test_the_line_is_that_of_the_innermost_frame_of_the_app(stack, line):
    assert app_line(stack) == line


def test_frames_of_the_app_are_kept_however_deep_the_library_below_them_is():
    recorded = SpanEvent(semconv.EXCEPTION_EVENT, 0, ((semconv.EXCEPTION_STACKTRACE, APP + REDIS * 100 + COMPILED),))
    (kept,) = kept_events("GET", [recorded])
    assert app_line(kept.attribute(semconv.EXCEPTION_STACKTRACE)) == "handle (/srv/app/hooks.py:42)"
