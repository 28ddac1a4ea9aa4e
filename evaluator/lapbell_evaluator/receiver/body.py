"""A request's body, unpacked within bounds."""

import contextlib
import zlib
from typing import Final

import cramjam
import zstandard

from lapbell_evaluator.receiver.refusal import Reason, Refusal

__all__ = ["encoding_seen", "told_bytes", "too_large", "unpacked"]

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_MOST_PARTS: Final = 100  # members or frames of one body; each of them costs a look at the rest
_ZSTD_SLICE: Final = 256  # four bytes may stand for 128 KiB, so that one slice makes 8 MiB at most
_ZLIB_FIRST: Final = 0x78  # the only first byte that is in use; a multiple of 31 with the second one
_ZLIB_CHECK: Final = 31
_ISIZE_BYTES: Final = 4
_LIKELY_RATIO: Final = 8  # of OTLP, packed
ENCODINGS: Final = ("identity", "gzip", "deflate", "zstd")


def encoding_seen(message: bytes) -> str:
    """The encoding that the first bytes of a message show, empty if none; no OTLP export begins like one of these.

    Sources: RFC 1952, 2.3.1; RFC 1950, 2.2; RFC 8878, 3.1.1.
    """
    if message.startswith(b"\x1f\x8b"):
        return "gzip"
    if message.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    if message[:1] == bytes([_ZLIB_FIRST]) and int.from_bytes(message[:2], "big") % _ZLIB_CHECK == 0:
        return "deflate"
    return ""


def told_bytes(body: bytes, encoding: str) -> int:
    """How long a body says it is once unpacked, or what is likely where it does not say; it may lie.

    Sources: RFC 1952, 2.3.1, ISIZE; RFC 8878, 3.1.1.1, Frame_Content_Size; Snappy's format description, 1.
    """
    likely = len(body) * _LIKELY_RATIO
    match encoding.strip().lower():
        case "" | "identity":
            return len(body)
        case "gzip" | "x-gzip":
            return int.from_bytes(body[-_ISIZE_BYTES:], "little")
        case "zstd":
            with contextlib.suppress(zstandard.ZstdError):
                told = zstandard.frame_content_size(body)
                return likely if told < 0 else told
        case "snappy":
            with contextlib.suppress(cramjam.DecompressionError):
                return int(cramjam.snappy.decompress_raw_len(body))
    return likely


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """The whole body as it was before `Content-Encoding` was applied; never makes more than `limit` bytes and 8 MiB.

    Raises:
        Refusal: unknown encoding, broken data, or more than `limit` bytes.
    """
    match encoding.strip().lower():
        case "" | "identity":
            plain = body
        case "gzip" | "deflate" | "x-gzip":
            plain = _inflated(body, limit)
        case "zstd":
            plain = _from_zstd(body, limit)
        case _:
            raise Refusal(
                Reason.WRONG_TYPE, f"Content-Encoding {encoding!r} is not known.", f"Use one of {', '.join(ENCODINGS)}."
            )
    if len(plain) > limit:
        raise too_large(limit)
    return plain


def too_large(limit: int) -> Refusal:
    """The refusal of a body beyond `limit` bytes."""
    return Refusal(
        Reason.TOO_LARGE,
        f"The export is larger than {limit} bytes once unpacked.",
        "Send smaller batches: OTEL_BSP_MAX_EXPORT_BATCH_SIZE, or the Collector's batch size.",
    )


def _inflated(body: bytes, limit: int) -> bytes:
    """All members of a gzip body, one after the other.

    Source: RFC 1952, 2.2: "members simply appear one after another in the file".
    """
    pieces: list[bytes] = []
    room = limit + 1
    rest = body
    for _ in range(_MOST_PARTS):
        inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            pieces.append(inflater.decompress(rest, room))
        except zlib.error as error:
            raise _broken("gzip", error) from None
        room -= len(pieces[-1])
        if not room:
            raise too_large(limit)
        if not inflater.eof:
            raise _broken("gzip", "it ends too early")
        rest = inflater.unused_data
        if not rest:
            return b"".join(pieces)
    raise _broken("gzip", f"it has more than {_MOST_PARTS} members")


def _from_zstd(body: bytes, limit: int) -> bytes:
    """All frames of a zstd body, one after the other; unpacked in slices, because a frame tells no bound.

    Source: RFC 8878, 3: frames are independent, and follow one another.
    """
    decompressor = zstandard.ZstdDecompressor(max_window_size=_zstd_window(limit))
    pieces: list[bytes] = []
    room, at = limit, 0
    for _ in range(_MOST_PARTS):
        frame = decompressor.decompressobj()
        while not frame.eof:
            if at >= len(body):
                raise _broken("zstd", "it ends too early")
            try:
                pieces.append(frame.decompress(body[at : at + _ZSTD_SLICE]))
            except zstandard.ZstdError as error:
                raise _broken("zstd", error) from None
            at = min(at + _ZSTD_SLICE, len(body))
            room -= len(pieces[-1])
            if room < 0:
                raise too_large(limit)
        at -= len(frame.unused_data)
        if at == len(body):
            return b"".join(pieces)
    raise _broken("zstd", f"it has more than {_MOST_PARTS} frames")


def _zstd_window(limit: int) -> int:
    """A window of twice the limit holds whatever fits the limit; zstd's own floor is 1 KiB."""
    return max(1 << (limit.bit_length() + 1), 1 << 23)


def _broken(encoding: str, why: object) -> Refusal:
    return Refusal(Reason.UNDECODABLE, f"The body is no valid {encoding}: {why}.", "Check what compresses it.")
