"""A request's body, unpacked within bounds."""

import zlib
from typing import Final

import zstandard

from lapbell_evaluator.receiver.refusal import Reason, Refusal

__all__ = ["unpacked"]

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
ENCODINGS: Final = ("identity", "gzip", "deflate", "zstd")


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before `Content-Encoding` was applied; never makes more than `limit` bytes and a little.

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
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise _broken("gzip", error) from None
    if len(plain) <= limit and not inflater.eof:
        raise _broken("gzip", "it ends too early")
    return plain


def _from_zstd(body: bytes, limit: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor(max_window_size=_zstd_window(limit)).stream_reader(body) as reader:
            return reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise _broken("zstd", error) from None


def _zstd_window(limit: int) -> int:
    """A window of twice the limit holds whatever fits the limit; zstd's own floor is 1 KiB."""
    return max(1 << (limit.bit_length() + 1), 1 << 23)


def _broken(encoding: str, why: object) -> Refusal:
    return Refusal(Reason.UNDECODABLE, f"The body is no valid {encoding}: {why}.", "Check what compresses it.")
