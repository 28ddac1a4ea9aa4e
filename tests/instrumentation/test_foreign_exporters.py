"""Whatever an exporter or a reader of the user's own raises stays inside, and one that hangs is left behind."""

import json

import pytest

from lapkit import python

SCRIPT = """
import contextlib, io, json, logging, sys, threading, time
import lapbell
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricReader
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

lines = []
class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger("lapbell").addHandler(Lines())
threads = []
threading.excepthook = lambda args: threads.append(repr(args.exc_value))

def fail(*arguments, **options):
    {fault}

class Spans(SpanExporter):
    export = {spans_export}
    force_flush = fail
    shutdown = fail

class Metrics(MetricExporter):
    export = {metrics_export}
    force_flush = fail
    shutdown = fail

class Reader(MetricReader):
    force_flush = fail
    shutdown = fail
    def _receive_metrics(self, metrics_data, timeout_millis=10_000, **options):
        fail()

handle = lapbell.setup(
    None, system=False, span_exporter=Spans, metric_exporter=Metrics, readers=[{reader}]
)
began = time.monotonic()
with lapbell.phase("validation"):
    pass
handle.flush()
handle.shutdown()
again = lapbell.setup(None, system=False, span_exporter=Spans, metric_exporter=Metrics)
again.shutdown()
took_s = time.monotonic() - began
told = any("Broken" in line for line in lines)
print(json.dumps({{"in time": took_s < {limit_s}, "threads": threads, "told": told}}))
"""
SPANS_TAKEN = "lambda self, spans: SpanExportResult.SUCCESS"
METRICS_TAKEN = "lambda self, data, timeout_millis=10_000, **options: MetricExportResult.SUCCESS"
WELL = {"in time": True, "threads": [], "told": True}


@pytest.mark.parametrize("fault", ["raise RuntimeError('Broken')", "raise SystemExit('Broken')"])
@pytest.mark.parametrize("export", ["fails", "works"])
def test_what_exporters_and_readers_raise_stays_inside(fault, export):
    taken = {"spans_export": SPANS_TAKEN, "metrics_export": METRICS_TAKEN}
    failing = {"spans_export": "fail", "metrics_export": "fail"}
    exports = taken if export == "works" else failing
    printed = python(SCRIPT.format(fault=fault, reader="Reader()", limit_s=20, **exports))
    assert json.loads(printed.splitlines()[-1]) == WELL


def test_exporters_that_hang_are_left_behind():
    exports = {"spans_export": "fail", "metrics_export": "fail"}
    printed = python(SCRIPT.format(fault="time.sleep(60)", reader="", limit_s=15, **exports))
    assert json.loads(printed.splitlines()[-1]) == WELL | {"told": False}


@pytest.mark.parametrize("answer", ["None", "'yes'", "[]"])
def test_an_exporter_that_answers_nonsense_has_taken_nothing(answer):
    nonsense = f"lambda self, *arguments, **options: {answer}"
    exports = {"spans_export": nonsense, "metrics_export": nonsense}
    printed = python(SCRIPT.format(fault="raise RuntimeError('Broken')", reader="", limit_s=20, **exports))
    assert json.loads(printed.splitlines()[-1]) == WELL
