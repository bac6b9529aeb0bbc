"""Inputs near those that are meant, as Hypothesis draws them: where no coverage guides, and in the quick tests."""

from collections.abc import Sequence

from hypothesis import strategies as st

from hardshoulder_fuzz.target import Target

MOST_EDITS = 6
_PLACES = 1 << 16
_ODD = (b"\0", b"\xff", b"\x7f", b"\n", b'"', b"\\u0000", b"-1", b"1e999", b"9" * 25, b"[" * 2000, b"\xf0\x9f\x98\x80")

Edit = tuple[str, int, int, bytes]
"""What is done, where and over how many bytes (of 65,536 of the whole, and of those behind), with which bytes."""

_edits: st.SearchStrategy[Edit] = st.tuples(
    st.sampled_from(("put", "over", "cut", "double", "bit", "swap")),
    st.integers(0, _PLACES - 1),
    st.integers(0, 64),
    st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(_ODD)),
)


def edited(data: bytes, edit: Edit) -> bytes:
    """The input after one change."""
    what, place, count, said = edit
    at = place * len(data) // _PLACES
    end = at + count
    if what == "put":
        return data[:at] + said + data[at:]
    if what == "over":
        return data[:at] + said + data[at + len(said) :]
    if what == "cut":
        return data[:at] + data[end:]
    if what == "double":
        return data[:end] + data[at:end] + data[end:]
    if what == "swap":
        return data[end:] + data[:end]
    return data[:at] + bytes((byte ^ 1 << count % 8) for byte in data[at : at + 1]) + data[at + 1 :]


def _apply(seed: bytes, edits: Sequence[Edit], most: int) -> bytes:
    for edit in edits:
        seed = edited(seed, edit)
    return seed[:most]


def near(target: Target, seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Seeds of the target with a few changes, and now and then nothing like them."""
    changed = st.builds(
        _apply,
        st.sampled_from(list(seeds)),
        st.lists(_edits, min_size=1, max_size=MOST_EDITS),
        st.just(target.most_bytes),
    )
    return st.one_of(changed, changed, changed, st.binary(max_size=256))
