"""Answers that grow with what is kept: written as JSON in threads of their own, and sent piece by piece."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from fastapi import Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from pydantic_core import to_json

from lapbell_evaluator.promql import TurnLimits, Turns

__all__ = ["Answers", "array", "as_json", "body_with", "joined", "obj"]

_PIECE_BYTES: Final = 128 * 1024  # written to the socket at once
_JSON: Final = "application/json"

as_json: Final = msgspec.json.Encoder().encode
"""One value as JSON: it must be small, because nobody else runs meanwhile."""


def array(items: Iterable[bytes]) -> Iterator[bytes]:
    """A JSON array of values that are JSON already."""
    return joined((item,) for item in items)


def joined(items: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """A JSON array of values that are pieces of JSON."""
    comma = b"["
    for pieces in items:
        yield comma
        yield from pieces
        comma = b","
    yield b"[]" if comma == b"[" else b"]"


def obj(fields: Mapping[str, Iterable[bytes]]) -> Iterator[bytes]:
    """A JSON object of fields whose values are pieces of JSON."""
    comma = b"{"
    for name, pieces in fields.items():
        yield comma + as_json(name) + b":"
        yield from pieces
        comma = b","
    yield b"{}" if comma == b"{" else b"}"


def body_with(around: BaseModel, **lists: Iterable[BaseModel]) -> Iterator[bytes]:
    """The JSON of a response body whose long lists are given apart, and made and written one item after the other."""
    fields: dict[str, Iterable[bytes]] = {}
    for name in type(around).model_fields:
        items = lists.get(name)
        if items is None:
            fields[name] = (to_json(getattr(around, name)),)
        else:
            fields[name] = array(item.model_dump_json().encode() for item in items)
    return obj(fields)


class Answers:
    """Writes answers in fair turns of those who ask, so that no answer, however long, holds up the loop.

    Args:
        limits: how many may be written and wait.
    """

    def __init__(self, limits: TurnLimits | None = None) -> None:
        self._turns = Turns(limits or TurnLimits(), "lapbell-answers")

    def close(self) -> None:
        """End the threads after the answers that they write."""
        self._turns.close()

    async def written(self, write: Callable[[], Iterable[bytes]], media_type: str = _JSON) -> Response:
        """The answer that `write` makes of pieces; writing ends when who asks hangs up.

        Raises:
            QueueFullError: too many answers wait, or this one waited too long.
        """
        cancelled = threading.Event()
        try:
            pieces = await self._turns.run(lambda: _joined(write(), cancelled))
        except asyncio.CancelledError:
            cancelled.set()
            raise
        if len(pieces) == 1:
            return Response(pieces[0], media_type=media_type)
        length = {"content-length": str(sum(map(len, pieces)))}
        return StreamingResponse(_each(pieces), media_type=media_type, headers=length)


def _joined(pieces: Iterable[bytes], cancelled: threading.Event) -> Sequence[bytes]:
    """The same bytes in pieces that are worth a write; as far as somebody still wants them."""
    large: list[bytes] = []
    small: list[bytes] = []
    size = 0
    for piece in pieces:
        small.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            large.append(b"".join(small))
            small, size = [], 0
            if cancelled.is_set():
                break
    return [*large, b"".join(small)]


async def _each(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
