"""Links in messages by which people take incidents: signed, for a while, for one incident and receiver, used once.

Whether a link is used up is no state of its own: the incident knows when it was last acknowledged, in whatever way, and
links from before are used up. So neither a restart nor another evaluator on the same database lets one be used twice.
"""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from lapbell_evaluator.alerts import (
    INCIDENT_TABLE,
    AlertStore,
    ChangeSet,
    IncidentEvent,
    ManualAction,
    UnknownIncidentError,
)
from lapbell_evaluator.evaluation import AlertCommitter
from lapbell_evaluator.model import Clock, EvaluatorError, Incident, IncidentView
from lapbell_evaluator.service.alert_service import AlertService

__all__ = ["AcknowledgeLinks", "LinkStanding", "OpenedLink", "UnknownLinkError"]

_HEAD: Final = struct.Struct(">BQI")  # version, Unix milliseconds of its making, seconds for which it is valid
_VERSION: Final = 1
_PURPOSE: Final = b"lapbell acknowledge\0"
_MAC_BYTES: Final = 32
_MOST_CHARS: Final = 600
_MS_PER_S: Final = 1000.0
_WHY: Final = "by the link in a message"


class UnknownLinkError(EvaluatorError):
    """Nobody here has made this link."""


class _NoLongerOpenError(EvaluatorError):
    """Somebody else was faster."""


class LinkStanding(StrEnum):
    """What a link is good for."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A link that is ours.

    Attributes:
        receiver: the name of the receiver whose message it stood in.
        standing: what it is good for.
        expires_at: Unix seconds.
        view: the incident as it is now; None if the link has expired or nothing is known of the incident any more.
    """

    receiver: str
    standing: LinkStanding
    expires_at: float
    view: IncidentView | None


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a link says, once its signature is known to be ours.

    Attributes:
        made_at: Unix seconds.
        expires_at: Unix seconds.
        incident: id of the incident.
        receiver: name of the receiver.
    """

    made_at: float
    expires_at: float
    incident: str
    receiver: str

    @property
    def key(self) -> str:
        """Of the incident: its id begins with it."""
        return self.incident.rpartition("-")[0]


class AcknowledgeLinks:
    """Makes links, and takes incidents by them.

    Args:
        key: signs them; evaluators that share a database share it.
        external_url: where people reach this evaluator, without a slash at the end.
        lifetime_s: seconds for which a link is valid; 0: there are none.
        clock: the time.
        store: the alerts.
        committer: writes that an incident was taken.
        alert_service: shows incidents.
    """

    def __init__(
        self,
        *,
        key: bytes,
        external_url: str,
        lifetime_s: float,
        clock: Clock,
        store: AlertStore,
        committer: AlertCommitter,
        alert_service: AlertService,
    ) -> None:
        self._key = key
        self._external_url = external_url
        self._lifetime_s = int(lifetime_s)
        self._clock = clock
        self._store = store
        self._committer = committer
        self._alert_service = alert_service

    def url(self, incident: Incident, receiver: str) -> str | None:
        """The link for an incident in a message to a receiver; None if nobody need, or can, take the incident."""
        if not self._lifetime_s or incident.acknowledged_at is not None or not _can_be_taken(incident):
            return None
        head = _HEAD.pack(_VERSION, int(self._clock.now() * _MS_PER_S), self._lifetime_s)
        claims = head + incident.id.encode() + b"\0" + receiver.encode()
        return f"{self._external_url}/acknowledge/{_encoded(claims + self._mac(claims))}"

    async def opened(self, token: str) -> OpenedLink:
        """What a link leads to; nothing is changed.

        Raises:
            UnknownLinkError: it is not ours.
        """
        claims = self._claims(token)
        standing = self._standing(claims)
        view = None if standing is LinkStanding.EXPIRED else await self._view(claims)
        return OpenedLink(claims.receiver, standing, claims.expires_at, view)

    async def acknowledge(self, token: str, name: str) -> OpenedLink:
        """Take the incident of a link, if it is open; the link as it was then, with the incident as it is now.

        Args:
            token: of the link.
            name: of who takes it, as they say; may be empty.

        Raises:
            UnknownLinkError: it is not ours.
            EvaluatorError: it could not be written; nothing has changed.
        """
        claims = self._claims(token)
        standing = self._standing(claims)
        if standing is LinkStanding.OPEN:
            try:
                await self._committer.commit(self._plan(claims, name))
            except _NoLongerOpenError:
                standing = self._standing(claims)
        view = None if standing is LinkStanding.EXPIRED else await self._view(claims)
        return OpenedLink(claims.receiver, standing, claims.expires_at, view)

    def _plan(self, claims: _Claims, name: str) -> Callable[[], ChangeSet]:
        by = f"{name} (link to {claims.receiver})" if name else f"link to {claims.receiver}"

        def plan() -> ChangeSet:
            if self._standing(claims) is not LinkStanding.OPEN:
                raise _NoLongerOpenError("This link is no longer open.")
            return self._store.acknowledge(claims.key, ManualAction(by, _WHY), self._clock.now())

        return plan

    def _standing(self, claims: _Claims) -> LinkStanding:
        if self._clock.now() >= claims.expires_at:
            return LinkStanding.EXPIRED
        incident = self._store.incidents.get(claims.key)
        if incident is None or incident.id != claims.incident or not _can_be_taken(incident):
            return LinkStanding.OVER
        taken_at = incident.last_acknowledged_at
        is_used = incident.acknowledged_at is not None or (taken_at is not None and claims.made_at <= taken_at)
        return LinkStanding.USED if is_used else LinkStanding.OPEN

    async def _view(self, claims: _Claims) -> IncidentView | None:
        try:
            view = await self._alert_service.incident(claims.key)
        except UnknownIncidentError:
            return None
        return view if view.incident.id == claims.incident else None

    def _claims(self, token: str) -> _Claims:
        unknown = UnknownLinkError("This link is not one of ours.", "Open the one in the message, whole.")
        if len(token) > _MOST_CHARS or not token.isascii():
            raise unknown
        try:
            signed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise unknown from None
        claims, mac = signed[:-_MAC_BYTES], signed[-_MAC_BYTES:]
        if _encoded(signed) != token or not hmac.compare_digest(mac, self._mac(claims)):
            raise unknown
        version, made_ms, lifetime_s = _HEAD.unpack_from(claims)
        if version != _VERSION:
            raise unknown
        incident, _, receiver = claims[_HEAD.size :].decode().partition("\0")
        made_at = made_ms / _MS_PER_S
        return _Claims(made_at, made_at + lifetime_s, incident, receiver)

    def _mac(self, claims: bytes) -> bytes:
        return hmac.new(self._key, _PURPOSE + claims, sha256).digest()


def _encoded(signed: bytes) -> str:
    return urlsafe_b64encode(signed).rstrip(b"=").decode()


def _can_be_taken(incident: Incident) -> bool:
    return (incident.state, IncidentEvent.ACKNOWLEDGE) in INCIDENT_TABLE
