"""Packed messages: what is sound comes back as it was, whatever else comes is refused with a sentence."""

from __future__ import annotations

import math

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from embodied.serving.packing import DTYPES, MAX_BYTES, PackingError, pack, unpack

ARRAYS = hnp.arrays(st.sampled_from(list(DTYPES.values())), hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
LEAVES = st.none() | st.booleans() | st.integers(-2**63, 2**64 - 1) | st.floats() | st.text(max_size=20) | ARRAYS
VALUES = st.recursive(LEAVES, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=8), v, max_size=4),
                      max_leaves=8)
SOUND = {"prompt": "put it away", "state": np.arange(9.0), "image": np.zeros((4, 4, 3), np.uint8), "n": [1, 2.5, None]}


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return (isinstance(b, np.ndarray) and a.shape == b.shape and a.dtype.newbyteorder("=") == b.dtype
                and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return (type(a) is type(b) and a == b) or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_what_was_packed_comes_back(value):
    assert same(value, unpack(pack(value)))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_random_bytes_are_a_value_or_are_refused(message):
    try:
        unpack(message)
    except PackingError as error:
        assert "expected" in str(error) and len(str(error)) < 300


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_message_is_a_value_or_is_refused(data):
    message = bytearray(pack(SOUND))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        unpack(bytes(message[:data.draw(st.integers(0, len(message)))]))
    except PackingError as error:
        assert "expected" in str(error)


def packed_array(**changes) -> bytes:
    return msgpack.packb({"__ndarray__": True, "data": b"\0" * 24, "dtype": "<f4", "shape": [2, 3], **changes})


@pytest.mark.parametrize(("message", "expected"), [
    (b"", "one whole msgpack message"),
    (pack(SOUND)[:-3], "one whole msgpack message"),
    (pack(SOUND) + b"\0", "one whole msgpack message"),
    (b"\xc1", "one whole msgpack message"),
    (b"\x91" * 3000 + b"\0", "one whole msgpack message|levels"),
    (b"\x91" * 9 + b"\0", "at most 8 levels"),
    (b"\xdd\xff\xff\xff\xff", "one whole msgpack message"),
    (b"\xdc\x02\x00" + (b"\xdc\x00\x64" + b"\x90" * 100) * 512, "at most 20000 items"),
    (msgpack.packb({3: 1}), "keys of text"),
    (msgpack.packb({b"\xff": 1}), "plain text"),
    (msgpack.packb({"a": 1, b"a": 2}), "each key once"),
    (msgpack.packb(msgpack.ExtType(4, b"")), "no extension types"),
    (msgpack.packb(msgpack.Timestamp(1)), "expected"),
    (b"\0" * (MAX_BYTES + 1), f"at most {MAX_BYTES} bytes"),
    (packed_array(dtype="|O"), "plain numbers"),
    (packed_array(dtype="O"), "plain numbers"),
    (packed_array(dtype="|V4"), "plain numbers"),
    (packed_array(dtype="<c8"), "plain numbers"),
    (packed_array(dtype="f4,f4"), "plain numbers"),
    (packed_array(dtype="x" * 9000), "plain numbers"),
    (packed_array(dtype=7), "plain numbers"),
    (packed_array(shape=[2, 2]), "expected 16 bytes"),
    (packed_array(shape=[-2, -3]), "whole numbers"),
    (packed_array(shape=[2**62, 4]), "whole numbers"),
    (packed_array(shape=[2.0, 3]), "whole numbers"),
    (packed_array(shape=[True, 6]), "whole numbers"),
    (packed_array(shape=6), "whole numbers"),
    (packed_array(shape=[1] * 7), "at most 6"),
    (packed_array(data="0" * 24), "data as bytes"),
    (packed_array(data=b"\2" * 6, dtype="|b1"), "0 or 1"),
    (packed_array(__ndarray__=1), "__ndarray__"),
    (packed_array(more=1), "the keys"),
    (msgpack.packb({"__npgeneric__": True, "data": 300, "dtype": "|u1"}), "uint8 holds"),
    (msgpack.packb({"__npgeneric__": True, "data": "3", "dtype": "<f4"}), "number"),
    (msgpack.packb({"__npgeneric__": True, "data": [3], "dtype": "<f4"}), "number"),
])
def test_what_is_unsound_is_refused_with_a_sentence(message, expected):
    with pytest.raises(PackingError, match=expected) as caught:
        unpack(message)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [np.array([object()]), np.array(["text"]), np.zeros(2, "V4"), np.complex64(1), {1, 2},
                                   object(), 2**70])
def test_what_is_no_number_is_not_packed(value):
    with pytest.raises(PackingError, match="to pack"):
        pack({"it": value})


def test_both_kinds_of_keys_and_dtypes_are_read():
    for kind in (str, str.encode):
        message = msgpack.packb({kind("x"): {kind("__ndarray__"): True, kind("data"): b"\1\0\2\0", kind("shape"): [2],
                                             kind("dtype"): kind("<u2")}})
        assert unpack(message)["x"].tolist() == [1, 2]
    assert unpack(msgpack.packb({"__npgeneric__": True, "data": 3, "dtype": "float32"})) == np.float32(3)


def test_arrays_are_the_readers_own():
    array = unpack(pack({"x": np.zeros(3)}))["x"]
    array[0] = 1.0
    assert array[0] == 1.0
