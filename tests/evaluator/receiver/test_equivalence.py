"""Every way in leads to the same samples."""

import math

from hypothesis import given

from lapbell_evaluator.receiver.json_metrics import decode_json_metrics
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.translator import Translator
from otlp_kit import Notebook
from otlp_kit.oracle import expected_samples
from otlp_kit.otlp_json import otlp_json
from otlp_kit.strategies import exports

NOW = 1_000.0
ANY_LENGTH = Limits(label_value_chars=1_000_000)


def samples_of(export):
    notebook = Notebook()
    notebook.append(Translator(notebook, ANY_LENGTH).translate(export, NOW).batch)
    return comparable(notebook.samples)


def comparable(rows):
    """In no order, and with one NaN for all."""
    return sorted((name, time, "NaN" if math.isnan(value) else value) for name, time, value in rows)


def in_text_order(rows):
    return sorted(rows, key=str)


@given(exports())
def test_light_decoding_means_what_the_official_messages_say(export):
    assert samples_of(decode_metrics(export.SerializeToString())) == comparable(expected_samples(export))


@given(exports())
def test_json_means_what_protobuf_means(export):
    assert samples_of(decode_json_metrics(otlp_json(export))) == samples_of(decode_metrics(export.SerializeToString()))
