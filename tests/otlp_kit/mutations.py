"""Bodies that senders never meant: valid ones with bytes or tokens changed, cut out, doubled, or put in from others."""

from collections.abc import Sequence

from hypothesis import strategies as st

TOKENS = (
    b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"3.0", b'""', b'"5"', b'" 5 "', b'"NaN"', b'"\\u0000"',
    b'"\\ud800"', b"{}", b"[]", b"[[[[", b"9" * 400, b'"' + b"9" * 5000 + b'"', b'{"a":', b'"as_int":', b"\xff", b"\\",
)  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn, seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> bytes:
    """A seed after up to eight mutations."""
    body = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 8))):
        at = draw(st.integers(0, len(body)))
        size = draw(st.integers(1, 40))
        match draw(st.sampled_from(["change", "cut", "end", "double", "insert", "splice", "token"])):
            case "change" if at < len(body):
                body[at] = draw(st.integers(0, 255))
            case "cut":
                del body[at : at + size]
            case "end":
                del body[at:]
            case "double":
                body[at:at] = body[at : at + size] * draw(st.integers(1, 5))
            case "splice":
                other = draw(st.sampled_from(seeds))
                body[at : at + size] = other[: draw(st.integers(0, len(other)))]
            case "token" if tokens:
                body[at : at + size] = draw(st.sampled_from(tokens))
            case _:
                body[at:at] = draw(st.binary(max_size=8))
    return bytes(body)
