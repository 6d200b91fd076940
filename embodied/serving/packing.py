"""Messages in msgpack with numpy arrays, as openpi writes them, from strangers: checked before they become anything.

An array is a map {"__ndarray__": true, "data": bytes, "dtype": "<f4", "shape": [..]}, a scalar of numpy's a map
{"__npgeneric__": true, "data": number, "dtype": ..}; keys are text or bytes. Object and structured dtypes, which others
fall back to pickle for, do not exist here.
"""

from __future__ import annotations

import math
from typing import Any

import msgpack
import numpy as np

MAX_BYTES = 8 << 20
"""Of a message: two cameras of 640 x 480 with depth take 4.3 MB."""
MAX_DEPTH = 8
MAX_ITEMS = 20_000
"""Of all lists and maps of a message together; what is longer is an array."""
_MAX_LIST, _MAX_MAP, _MAX_TEXT = 512, 256, 16_384  # lists that nest are held in memory until the last one ends
_MAX_DIMENSIONS, _MAX_SIDE = 6, 1 << 24

DTYPES = {name: np.dtype(name) for name in ("|b1", "|u1", "|i1", *(
    f"{order}{kind}{size}" for order in "<>" for kind, sizes in (("u", (2, 4, 8)), ("i", (2, 4, 8)), ("f", (2, 4, 8)))
    for size in sizes))}
"""How a dtype may be written -> the dtype; names such as "float32" count too."""
_NAMED = {**DTYPES, **{dtype.name: dtype for name, dtype in DTYPES.items() if name[0] in "|<"}}

_ARRAY, _SCALAR = "__ndarray__", "__npgeneric__"


class PackingError(ValueError):
    """A message that is not what it should be; the text says what was expected, for people, and echoes nothing long."""


def pack(value: Any) -> bytes:
    """The message of a value made of maps, lists, text, numbers and arrays. Raises PackingError for anything else."""
    try:
        return msgpack.packb(value, default=_as_map)
    except (TypeError, ValueError, OverflowError) as error:
        raise PackingError(f"expected maps, lists, text, numbers and numeric arrays to pack, got {error}") from None


def _as_map(value: Any) -> dict[bytes, Any]:
    """What stands for an array, or a scalar of numpy's, in a message."""
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.str not in DTYPES:
        raise TypeError(getattr(value, "dtype", type(value).__name__))
    if isinstance(value, np.generic):
        return {_SCALAR.encode(): True, b"data": value.item(), b"dtype": value.dtype.str}
    return {_ARRAY.encode(): True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": list(value.shape)}


def unpack(message: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """The value of a message: keys are text, arrays are the caller's own. Raises PackingError, and nothing else."""
    if len(message) > max_bytes:
        raise PackingError(f"expected a message of at most {max_bytes} bytes, got {len(message)}; send smaller images")
    reader = _Reader()
    try:
        value = msgpack.unpackb(message, object_pairs_hook=reader.map, list_hook=reader.list, ext_hook=_no_extension,
                                max_str_len=_MAX_TEXT, max_bin_len=max_bytes, max_array_len=_MAX_LIST,
                                max_map_len=_MAX_MAP, max_ext_len=0)
    except PackingError:
        raise
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException):
        raise PackingError(f"expected one whole msgpack message with keys of text, maps of at most {_MAX_MAP} entries "
                           f"and lists of at most {_MAX_LIST}; pack it again") from None
    return _settled(value, MAX_DEPTH)


class _Reader:
    """Hears of every list and map of a message, so that their number stays bounded."""

    def __init__(self) -> None:
        self._items = 0

    def list(self, items: list) -> list:
        self._count(len(items))
        return items

    def map(self, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
        self._count(len(pairs))
        found: dict[str, Any] = {}
        for key, value in pairs:
            name = _text(key)
            if name in found:
                raise PackingError(f"expected each key once, got {name[:40]!r} twice")
            found[name] = value
        return found

    def _count(self, items: int) -> None:
        self._items += items + 1
        if self._items > MAX_ITEMS:
            raise PackingError(f"expected at most {MAX_ITEMS} items in lists and maps; send numbers as arrays")


def _text(value: Any) -> str:
    """Text, or bytes that are text."""
    try:
        return value if isinstance(value, str) else bytes(value).decode()
    except (TypeError, UnicodeDecodeError):
        raise PackingError("expected keys and dtypes of plain text") from None


def _no_extension(code: int, data: bytes) -> Any:
    raise PackingError(f"expected no extension types, got {code}")


def _settled(value: Any, depth: int) -> Any:
    """The value with its arrays made, nothing nested deeper than depth."""
    if isinstance(value, dict | list) and depth <= 0:
        raise PackingError(f"expected at most {MAX_DEPTH} levels of lists and maps; flatten the message")
    if isinstance(value, list):
        return [_settled(item, depth - 1) for item in value]
    if not isinstance(value, dict):
        if isinstance(value, str | bytes | bool | int | float | None):
            return value
        raise PackingError(f"expected text, bytes, numbers, lists and maps, got {type(value).__name__}")
    if _ARRAY in value:
        return _array(value)
    if _SCALAR in value:
        return _scalar(value)
    return {key: _settled(item, depth - 1) for key, item in value.items()}


def _array(given: dict[str, Any]) -> np.ndarray:
    if set(given) != {_ARRAY, "data", "dtype", "shape"} or given[_ARRAY] is not True:
        raise PackingError("array: expected the keys __ndarray__ (true), data, dtype and shape")
    dtype, shape, data = _dtype(given["dtype"]), given["shape"], given["data"]
    if not isinstance(data, bytes):
        raise PackingError(f"array: expected its data as bytes, got {type(data).__name__}")
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS or not all(
            type(n) is int and 0 <= n <= _MAX_SIDE for n in shape):
        raise PackingError(f"array: expected a shape of at most {_MAX_DIMENSIONS} whole numbers in [0, {_MAX_SIDE}]")
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise PackingError(f"array: expected {expected} bytes for shape {shape} of {dtype.name}, got {len(data)}")
    if dtype.kind == "b" and np.frombuffer(data, np.uint8).max(initial=0) > 1:
        raise PackingError("array: expected 0 or 1 in each byte of a bool array")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _scalar(given: dict[str, Any]) -> np.generic:
    if set(given) != {_SCALAR, "data", "dtype"} or given[_SCALAR] is not True:
        raise PackingError("scalar: expected the keys __npgeneric__ (true), data and dtype")
    dtype, number = _dtype(given["dtype"]), given["data"]
    if type(number) not in ((bool,) if dtype.kind == "b" else (int,) if dtype.kind in "iu" else (int, float)):
        raise PackingError(f"scalar: expected a number that is {dtype.name}, got {type(number).__name__}")
    try:
        with np.errstate(over="ignore"):
            return dtype.newbyteorder("=").type(number)
    except OverflowError:
        raise PackingError(f"scalar: expected a number that {dtype.name} holds") from None


def _dtype(name: Any) -> np.dtype:
    text = _text(name) if isinstance(name, str | bytes) else ""
    if text not in _NAMED:
        raise PackingError(f"dtype: expected bool or plain numbers of 1 to 8 bytes, such as '<f4', got {text[:20]!r}")
    return _NAMED[text]
