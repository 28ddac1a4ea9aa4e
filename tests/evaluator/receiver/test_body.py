"""A body is read whole or refused, never in part."""

import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.receiver.body import unpacked
from lapbell_evaluator.receiver.refusal import Reason, Refusal

LIMIT = 10_000
TEXT = b"what was sent, " * 20


def zstd(plain, **options):
    return zstandard.ZstdCompressor(**options).compress(plain)


def zstd_stream(plain):
    """A frame that does not say how long its content is."""
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(plain) + compressor.flush()


SKIPPABLE = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd}


def reason_of(body, encoding):
    with pytest.raises(Refusal) as refused:
        unpacked(body, encoding, LIMIT)
    return refused.value.reason


@pytest.mark.parametrize("encoding", PACKERS)
def test_all_members_of_a_body_are_read(encoding):
    pack = PACKERS[encoding]
    assert unpacked(pack(TEXT) + pack(b"") + pack(b"and more"), encoding, LIMIT) == TEXT + b"and more"


def test_frames_of_unknown_length_and_frames_to_be_skipped_are_read():
    body = SKIPPABLE + zstd_stream(TEXT) + SKIPPABLE + zstd(b"and more", write_checksum=True) + SKIPPABLE
    assert unpacked(body, "zstd", LIMIT) == TEXT + b"and more"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        *((encoding, pack(TEXT)[:cut]) for encoding, pack in PACKERS.items() for cut in (0, 1, 10, -5, -1)),
        *((encoding, pack(TEXT) + pack(TEXT)[:cut]) for encoding, pack in PACKERS.items() for cut in (1, -1)),
        *((encoding, pack(TEXT) + b"\0") for encoding, pack in PACKERS.items()),
        *((encoding, pack(b"") * 101) for encoding, pack in PACKERS.items()),
        ("zstd", zstd_stream(TEXT)[:-1]),
        ("zstd", zstd(TEXT, write_checksum=True)[:-1]),
        ("zstd", zstd(TEXT, write_checksum=True)[:-1] + b"?"),
    ],
)
def test_a_body_that_ends_early_or_goes_on_as_something_else_is_refused(encoding, body):
    assert reason_of(body, encoding) is Reason.UNDECODABLE


@pytest.mark.parametrize("encoding", PACKERS)
def test_the_limit_is_that_of_all_members_together(encoding):
    pack = PACKERS[encoding]
    half = b"x" * (LIMIT // 2)
    assert len(unpacked(pack(half) + pack(half), encoding, LIMIT)) == LIMIT
    assert reason_of(pack(half) + pack(half) + pack(b"x"), encoding) is Reason.TOO_LARGE


@settings(deadline=None, max_examples=scaled(100))
@given(st.sampled_from(["gzip", "zstd"]), st.lists(st.binary(max_size=2_000), min_size=1, max_size=4), st.data())
def test_whatever_is_cut_off_is_missed(encoding, parts, data):
    packed = [PACKERS[encoding](part) for part in parts]
    body = b"".join(packed)
    ends = [len(b"".join(packed[:count])) for count in range(1, len(packed) + 1)]
    cut = data.draw(st.integers(0, len(body)))
    try:
        plain = unpacked(body[:cut], encoding, LIMIT)
    except Refusal:
        plain = None
    assert plain == (b"".join(parts[: ends.index(cut) + 1]) if cut in ends else None)
