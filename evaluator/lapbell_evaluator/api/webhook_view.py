"""Which webhooks of a service a summary speaks of: all, or those of a provider, a route, a type of event."""

import json
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Query

from lapbell import semconv
from lapbell_evaluator.evidence import RecentTiming
from lapbell_evaluator.model.prometheus_names import label

__all__ = ["WebhookView"]

_PROVIDER: Final = label(semconv.WEBHOOK_PROVIDER)
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_EVENT_TYPE: Final = label(semconv.WEBHOOK_EVENT_TYPE)
_LONGEST: Final = 256


@dataclass(frozen=True, slots=True)
class WebhookView:
    """The parameters of a request that choose webhooks, as the query string has them."""

    provider: Annotated[
        str | None, Query(max_length=_LONGEST, description="Webhooks of one `webhook.provider`; all if absent.")
    ] = None
    route: Annotated[
        str | None, Query(max_length=_LONGEST, description="Webhooks of one `http.route`; all if absent.")
    ] = None
    event_type: Annotated[
        str | None, Query(max_length=_LONGEST, description="Webhooks of one `webhook.event.type`; all if absent.")
    ] = None

    @property
    def variables(self) -> dict[str, str]:
        """Matchers of every metric of webhooks (`$v`), and of the one that knows the type of the event (`$r`).

        Each has a comma behind it.
        """
        every = _matcher(_PROVIDER, self.provider) + _matcher(_ROUTE, self.route)
        return {"$v": every, "$r": every + _matcher(_EVENT_TYPE, self.event_type)}

    def covers(self, timing: RecentTiming) -> bool:
        """Whether a webhook is one of them."""
        chosen = ((self.provider, timing.provider), (self.route, timing.route), (self.event_type, timing.event_type))
        return all(wanted in (None, value) for wanted, value in chosen)


def _matcher(name: str, value: str | None) -> str:
    return "" if value is None else f"{name}={json.dumps(value, ensure_ascii=False)},"
