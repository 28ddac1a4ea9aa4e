"""What the command line says of answers that are errors."""

import httpx
import pytest

from lapbell_evaluator.cli.client import Client, token_from
from lapbell_evaluator.cli.options import DEFAULT_TOKEN_FILE
from lapbell_evaluator.model import EvaluatorError


def test_a_missing_token_is_remedied_in_words_of_the_command_line(monkeypatch):
    told = {"code": "token_needed", "message": "This needs a token.", "remedy": "Send `Authorization: Bearer <token>`."}
    transport = httpx.MockTransport(lambda _: httpx.Response(401, json=told))
    made = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **how: made(**how, transport=transport))
    with Client("http://evaluator") as client, pytest.raises(EvaluatorError) as refused:
        client.post("/x", {})
    assert ("--token-file" in str(refused.value), "Authorization" in str(refused.value)) == (True, False)


def test_a_token_file_that_was_named_must_be_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert token_from(DEFAULT_TOKEN_FILE, "") == ""
    with pytest.raises(EvaluatorError, match="Name another with --token-file"):
        token_from(tmp_path / "missing.token", "")
