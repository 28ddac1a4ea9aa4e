"""The running evaluator, asked over REST as anybody may ask it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Self, TypeVar

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from lapbell_evaluator.cli.doctor.patience import patient
from lapbell_evaluator.model import EvaluatorError

__all__ = ["Alert", "Evaluator", "Group", "Sample", "Silence", "grown"]

_TIMEOUT_S: Final = 1.8

T = TypeVar("T")


class Series(msgspec.Struct, frozen=True):
    """One series of an instant query's answer."""

    metric: dict[str, str]
    value: tuple[float, str]


class Vector(msgspec.Struct, frozen=True):
    """The answer of an instant query."""

    result: list[Series]


class Rule(msgspec.Struct, frozen=True):
    """A rule as `/api/v1/rules` tells it."""

    name: str
    health: str
    lastError: str = ""  # noqa: N815 - Prometheus' name


class Group(msgspec.Struct, frozen=True):
    """A rule group as `/api/v1/rules` tells it."""

    name: str
    rules: list[Rule]


class Groups(msgspec.Struct, frozen=True):
    """All of them."""

    groups: list[Group]


class Answer(msgspec.Struct, frozen=True):
    """Prometheus' envelope."""

    data: msgspec.Raw


class BuildInfo(msgspec.Struct, frozen=True):
    """What `/api/v1/status/buildinfo` says."""

    revision: str


class Alert(msgspec.Struct, frozen=True):
    """What is looked at of an incident."""

    alertname: str
    state: str
    health: str
    detail: str


class Alerts(msgspec.Struct, frozen=True):
    """The incidents that are not over."""

    alerts: list[Alert]


class SilenceStatus(msgspec.Struct, frozen=True):
    """Whether a silence is in force."""

    state: str


class Silence(msgspec.Struct, frozen=True):
    """A silence as Alertmanager's API tells it."""

    id: str
    status: SilenceStatus
    comment: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A value and its labels."""

    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class Evaluator:
    """One evaluator; use as an async context manager.

    Attributes:
        url: of its REST gate.
        token: shown only where it refuses an answer without: a token ends the trust in this machine.
    """

    url: str
    token: str
    _http: httpx.AsyncClient = field(init=False)

    async def __aenter__(self) -> Self:
        self._http = httpx.AsyncClient(base_url=self.url, timeout=patient(_TIMEOUT_S), trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, path: str, **params: str) -> httpx.Response:
        """The answer, whatever it is.

        Raises:
            httpx.TransportError: there is none.
        """
        answer = await self._http.get(path, params=params)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and self.token:
            headers = {"Authorization": f"Bearer {self.token}"}
            answer = await self._http.get(path, params=params, headers=headers)
        return answer

    async def knows(self, admin_token: str) -> bool:
        """Whether this is a token that may read its audit.

        Raises:
            httpx.TransportError: there is no answer.
            EvaluatorError: it answers with something else than yes or no.
        """
        headers = {"Authorization": f"Bearer {admin_token}"}
        answer = await self._http.get("/api/performance/audit", params={"limit": "1"}, headers=headers)
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return False
        return _checked(answer).is_success

    async def query(self, expr: str) -> tuple[Sample, ...]:
        """The instant vector that `expr` is now."""
        vector = await self._data("/api/v1/query", Vector, query=expr)
        return tuple(Sample(sample.metric, float(sample.value[1])) for sample in vector.result)

    async def clock(self) -> float:
        """Its own time, Unix seconds."""
        (only,) = await self.query("vector(time())")
        return only.value

    async def version(self) -> str:
        """Its version."""
        return (await self._data("/api/v1/status/buildinfo", BuildInfo)).revision.removeprefix("lapbell-")

    async def groups(self) -> list[Group]:
        """Its rule groups."""
        return (await self._data("/api/v1/rules", Groups)).groups

    async def alerts(self) -> list[Alert]:
        """Its incidents that are not over."""
        return (await self._decoded("/api/performance/alerts", Alerts)).alerts

    async def silences(self) -> list[Silence]:
        """All silences that it knows."""
        return await self._decoded("/api/v2/silences", list[Silence])

    async def metrics(self) -> dict[str, tuple[Sample, ...]]:
        """What it says about itself, by Prometheus' name."""
        text = _checked(await self.get("/metrics")).text
        samples: dict[str, tuple[Sample, ...]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples[sample.name] = (*samples.get(sample.name, ()), Sample(sample.labels, sample.value))
        return samples

    async def _data(self, path: str, kind: type[T], **params: str) -> T:
        return msgspec.json.decode((await self._decoded(path, Answer, **params)).data, type=kind)

    async def _decoded(self, path: str, kind: type[T], **params: str) -> T:
        return msgspec.json.decode(_checked(await self.get(path, **params)).content, type=kind)


def grown(now: float, before: float) -> float:
    """By how much a counter grew; a restart in between began at zero."""
    return now - before if now >= before else now


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer itself.

    Raises:
        EvaluatorError: it is a refusal.
    """
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise EvaluatorError(
            f"{answer.url.path} wants a token.",
            "Name the file of a token that may read: --token-file, LAPBELL_TOKEN_FILE or LAPBELL_TOKEN.",
        )
    if answer.is_error:
        raise EvaluatorError(f"{answer.url.path} answered {answer.status_code}.", "See the evaluator's log.")
    return answer
