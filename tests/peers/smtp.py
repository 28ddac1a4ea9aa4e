"""A mail server on loopback that keeps what it takes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["MailServer", "mail_server"]

_TAKEN = "250 OK"


@dataclass(slots=True)
class MailServer:
    """What a server has taken, and how it answers.

    Attributes:
        port: where it listens on 127.0.0.1.
        mails: those that it took, in order.
        recipient: its answer to the address of a recipient.
        data: its answer to a mail.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipient: Callable[[str], str] = lambda _: _TAKEN
    data: str = _TAKEN
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def first(self) -> EmailMessage:
        """The first mail, once it is there."""
        await self._came.wait()
        return self.mails[0]

    # aiosmtpd calls its handler by these names
    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """One recipient."""
        answer = self.recipient(address)
        if answer == _TAKEN:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """One mail."""
        if self.data == _TAKEN:
            mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self._came.set()
        return self.data


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """The server, as long as it is entered."""
    kept = MailServer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(kept, hostname="mail.test", loop=loop), "127.0.0.1", 0)
    kept.port = server.sockets[0].getsockname()[1]
    async with server:
        yield kept
