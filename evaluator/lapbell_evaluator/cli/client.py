"""Asks a running evaluator over REST."""

from http import HTTPStatus
from typing import Any, Final, Self

import httpx

from lapbell_evaluator.cli.exits import UnreachableError
from lapbell_evaluator.cli.target import Target
from lapbell_evaluator.model import EvaluatorError

__all__ = ["Client"]

_TIMEOUT_S: Final = 10.0
_SHOW_WHO: Final = (
    "Name a token that the evaluator knows with --token-file, --token or LAPBELL_TOKEN_FILE; "
    "the admin token is in admin.token in its data_dir."
)


class Client:
    """One evaluator; use as a context manager.

    Args:
        target: where it is, and the token that it is shown.
    """

    def __init__(self, target: Target) -> None:
        headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
        self._target = target
        self._http = httpx.Client(base_url=target.url, headers=headers, timeout=_TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:  # noqa: ANN401 # JSON
        """The JSON at `path`."""
        return self._json("GET", path, params=params)

    def pages(self, path: str, name: str, limit: int, **params: Any) -> list[dict[str, Any]]:  # noqa: ANN401 # JSON
        """The first `limit` things under `name` at `path`, from as many pages as it takes."""
        items: list[dict[str, Any]] = []
        while True:
            page = self.get(path, limit=limit - len(items), **params)
            items += page[name]
            if len(items) >= limit or page["next"] is None:
                return items
            params["before"] = page["next"]

    def post(self, path: str, body: dict[str, object]) -> Any:  # noqa: ANN401 # JSON
        """The JSON that answers `body`."""
        return self._json("POST", path, json=body)

    def post_form(self, path: str, **fields: str) -> Any:  # noqa: ANN401 # JSON
        """The JSON that answers a form."""
        return self._json("POST", path, data=fields)

    def delete(self, path: str) -> None:
        """Deletes what is at `path`."""
        self._send("DELETE", path)

    def _json(self, method: str, path: str, **how: Any) -> Any:  # noqa: ANN401 # httpx's own arguments
        return self._send(method, path, **how).json()

    def _send(self, method: str, path: str, **how: Any) -> httpx.Response:  # noqa: ANN401 # httpx's own arguments
        try:
            response = self._http.request(method, path, **how)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise UnreachableError(
                f"No evaluator answers at {self._target.url} ({self._target.named_by}): {error}.",
                "Start one with `lapbell serve`, or name another by --url, LAPBELL_URL or --config.",
            ) from None
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise _problem(response)
        return response


def _problem(response: httpx.Response) -> EvaluatorError:
    """What an error response says: a problem of ours, Prometheus' `error`, or Alertmanager's string."""
    try:
        body = response.json()
    except ValueError:
        return EvaluatorError(f"{response.url} answered {response.status_code}.", "Is it an evaluator of lapbell?")
    if response.status_code == HTTPStatus.UNAUTHORIZED and isinstance(body, dict) and body.get("message"):
        return EvaluatorError(body["message"], _SHOW_WHO)
    if isinstance(body, dict):
        return EvaluatorError(body.get("message") or body.get("error") or str(body), body.get("remedy", ""))
    return EvaluatorError(str(body))
