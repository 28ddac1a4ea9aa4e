"""What the documentation says is what the receiver does."""

import re
from pathlib import Path

from lapbell_evaluator.receiver.refusal import Reason

PAGE = Path(__file__).parents[3] / "docs" / "receiving.md"


def test_the_table_of_refusals_is_the_one_in_the_code():
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\w+) \| (yes|no) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [
        (
            reason.name.lower(),
            str(reason.http.value),
            reason.grpc_status.name,
            "yes" if reason.is_retryable else "no",
        )
        for reason in Reason
    ]
