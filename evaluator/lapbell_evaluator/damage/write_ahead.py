"""Writes that lie in the log of an SQLite file and that SQLite would leave out, because a byte before them is damaged.

SQLite ends reading a log where a sum is wrong, as a write that was cut off would have it, and then empties the log: one
damaged byte costs all transactions after it, and nothing is said. Source: sqlite.org/fileformat2.html, section 4.
"""

import os
import sqlite3
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["hidden_writes", "reseal"]

_Words = npt.NDArray[np.uint32]
_Frames = np.ndarray[Any, np.dtype[np.void]]

_HEADER: Final = struct.Struct(">8I")  # magic, version, page size, checkpoints, two salts, two sums
_FRAME_BYTES: Final = 24
_MAGIC: Final = 0x377F0682  # its sums are of little-endian words; those of one more are of big-endian words
_VERSION: Final = 3_007_000
_PAGE_BYTES: Final = tuple(1 << power for power in range(9, 17))
_MOST_BYTES: Final = 64 * 1024**2
"""SQLite begins a log anew at a thousand pages, unless somebody reads all the time."""


def hidden_writes(path: Path) -> sqlite3.DatabaseError | None:
    """What is wrong with the log of a database, if whole transactions lie behind it; None if nothing is.

    What is wrong in the last transaction alone looks like a write that was cut off, which nobody was told of.

    Args:
        path: of the database, which nobody has open.
    """
    log = _log(path)
    if log is None or log.hidden == 0:
        return None
    return sqlite3.DatabaseError(
        f"{log.hidden} of {len(log.frames)} pages in its -wal are damaged or lie behind damage"
    )


def reseal(path: Path) -> None:
    """Give a log the sums with which SQLite reads all of it, damaged pages too; it is kept as `<name>-wal.damaged`.

    Args:
        path: of the database, which nobody has open.
    """
    log = _log(path)
    if log is None or log.hidden == 0:
        return
    old, new = Path(f"{path}-wal"), Path(f"{path}-wal.new")
    new.write_bytes(log.resealed())
    old.rename(f"{old}.damaged")
    new.rename(old)


@dataclass(frozen=True, slots=True)
class _Log:
    """The frames of a log, and which of them are whole.

    Attributes:
        frames: page, size, salts, sums and data of each, as they are.
        order: of the bytes in words that are summed up, `<` or `>`.
        salts: of the frames that belong to this run of the log.
        is_whole: bool[frame]
        has_header: whether its header is whole.
    """

    frames: _Frames
    order: str
    salts: tuple[int, int]
    is_whole: npt.NDArray[np.bool_]
    has_header: bool

    @property
    def end(self) -> int:
        """How many frames there are up to the last transaction that ends whole."""
        ends = np.flatnonzero(self.is_whole & (self.frames["size"] != 0))
        return int(ends[-1]) + 1 if len(ends) else 0

    @property
    def hidden(self) -> int:
        """How many of these frames SQLite would not read."""
        whole = self.is_whole[: self.end]
        if not self.has_header:
            return self.end
        return 0 if whole.all() else self.end - int(np.argmin(whole))

    def resealed(self) -> bytes:
        """The log up to its end with new sums; a damaged frame ends no transaction, and needs a page that there is."""
        frames, whole = self.frames[: self.end].copy(), self.is_whole[: self.end]
        frames["size"][~whole] = 0
        pages = int(frames["size"].max())
        frames = frames[whole | ((frames["page"] >= 1) & (frames["page"] <= pages))]
        magic = _MAGIC if self.order == "<" else _MAGIC + 1
        head = _HEADER.pack(magic, _VERSION, frames["data"].dtype.itemsize, 0, *self.salts, 0, 0)[:_FRAME_BYTES]
        sums = _summed(np.frombuffer(head, f"{self.order}u4")[np.newaxis].astype(np.uint32))[0]
        body = [head, sums.astype(">u4").tobytes()]
        step, own = _step(_words_per_frame(frames)), _summed(_words(frames, self.order))
        frames["salts"] = self.salts
        for number in range(len(frames)):
            sums = step @ sums + own[number]
            frames["sums"][number] = sums
        return b"".join((*body, frames.tobytes()))


def _log(path: Path) -> _Log | None:
    """None if there is none, or if it is too large or too damaged to be looked at."""
    file = Path(f"{path}-wal")
    if not (path.is_file() and file.is_file() and os.access(file, os.R_OK)):
        return None
    if not _HEADER.size < file.stat().st_size <= _MOST_BYTES:
        return None
    body = file.read_bytes()
    magic, _, page_bytes, _, *salts, first, second = _HEADER.unpack_from(body)
    order = {_MAGIC: "<", _MAGIC + 1: ">"}.get(magic, "<" if sys.byteorder == "little" else ">")
    head = np.frombuffer(body[:_FRAME_BYTES], f"{order}u4")[np.newaxis].astype(np.uint32)
    has_header = _summed(head)[0].tolist() == [first, second]
    if not has_header:
        page_bytes = _page_bytes(path)
    if page_bytes not in _PAGE_BYTES or len(body) < _HEADER.size + _FRAME_BYTES + page_bytes:
        return None
    frames = _frames(body, page_bytes)
    if not has_header:
        salts = frames["salts"][0].tolist()
    before = np.vstack([np.array([[first, second]], np.uint32), frames["sums"][:-1].astype(np.uint32)])
    sums = before @ _step(_words_per_frame(frames)).T + _summed(_words(frames, order))
    is_whole = (sums == frames["sums"]).all(axis=1) & (frames["salts"] == salts).all(axis=1)
    return _Log(frames, order, (salts[0], salts[1]), is_whole, has_header)


def _page_bytes(path: Path) -> int:
    """As the database itself says; 0 if it says nothing."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(18)[16:], "big")
    return 65_536 if size == 1 else size


def _frames(body: bytes, page_bytes: int) -> _Frames:
    layout = [("page", ">u4"), ("size", ">u4"), ("salts", ">u4", 2), ("sums", ">u4", 2), ("data", f"V{page_bytes}")]
    count = (len(body) - _HEADER.size) // (_FRAME_BYTES + page_bytes)
    return np.frombuffer(body, np.dtype(layout), count, _HEADER.size)


def _words_per_frame(frames: _Frames) -> int:
    return 2 + frames["data"].dtype.itemsize // 4


def _words(frames: _Frames, order: str) -> _Words:
    """What is summed up of each frame: its page number, the size of the database, its data."""
    octets = np.ascontiguousarray(frames).view(np.uint8).reshape(len(frames), -1)  # uint8[frame, octet]
    summed = np.hstack([octets[:, :8], octets[:, _FRAME_BYTES:]])
    return summed.view(f"{order}u4").astype(np.uint32)  # uint32[frame, word]


def _summed(words: _Words) -> _Words:
    """The two sums of each row that begins at zero: `a += word + b`, then `b += next word + a`, and so on.

    How often a word is in a sum at the end is a Fibonacci number of its distance to the end, modulo 2**32.
    """
    backwards = _fibonacci(words.shape[1])[::-1]
    weights = np.stack([backwards[1:], backwards[:-1]], axis=1)  # uint32[word, sum]
    return words @ weights


def _step(words: int) -> _Words:
    """What so many words make of the sums before them, besides adding their own."""
    fibonacci = _fibonacci(words + 1)
    return np.array([fibonacci[words - 1 : words + 1], fibonacci[words : words + 2]], np.uint32)


def _fibonacci(last: int) -> _Words:
    numbers = [0, 1]
    while len(numbers) <= last:
        numbers.append((numbers[-1] + numbers[-2]) % (1 << 32))
    return np.array(numbers, np.uint32)
