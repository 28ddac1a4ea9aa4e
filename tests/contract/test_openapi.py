import json
from importlib.metadata import version
from pathlib import Path

from lapbell_evaluator.api import openapi_text

SNAPSHOT = Path(__file__).with_name("openapi.json")


def test_the_rest_contract_is_the_frozen_one():
    assert json.loads(openapi_text(version("lapbell"))) == json.loads(SNAPSHOT.read_text()), (
        "The REST contract changed: later versions add, never rename. If it is meant, say why in CHANGELOG.md and run: "
        f"lapbell openapi > tests/contract/{SNAPSHOT.name}"
    )
