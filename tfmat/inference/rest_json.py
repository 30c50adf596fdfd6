"""Tensors as JSON, as TensorFlow Serving's REST interface reads and writes them.

A voxel grid of 64³ is 3 MB of text, so numbers go through C code in one go: formatted by one
template, and read with all brackets taken out. The brackets alone tell the shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.inference.transport import ServerError, TensorInfo, TransientError

# Whole numbers from here on are refused for a float, written with a decimal point they are not.
_WHOLE = 2.0**24
# What numbers are written with, NaN and Infinity among them, and what is between them.
_NUMBER = b"0123456789+-.eENaInfity \t\r\n"
_BRACKETS = b"[] \t\r\n"
_OUTPUTS = re.compile(rb'\s*\{\s*"outputs"\s*:\s*')
_NAME = re.compile(rb'[\s{,]*"([^"\\]+)"\s*:\s*(?=\[)')
_MEND = "look into the server's log"


def encode(signature: str, inputs: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Writes the body of a predict request.

    Nine digits give back every float32 exactly.

    Args:
        signature: Name of the signature.
        inputs: Inputs by name.
    """
    columns = [f"{json.dumps(name)}:{_text(array)}" for name, array in inputs.items()]
    body = f'{{"signature_name":{json.dumps(signature)},"inputs":{{{",".join(columns)}}}}}'
    return body.encode()


def _text(array: NDArray[np.float32]) -> str:
    values: list[Any] = array.reshape(-1).tolist()
    form = "%.9g"
    if not np.isfinite(array).all():
        values = [json.dumps(value) for value in values]
        form = "%s"
    elif np.abs(array).max(initial=0) >= _WHOLE:
        form = "%.8e"
    return _nested(form, array.shape) % tuple(values)


def _nested(form: str, shape: tuple[int, ...]) -> str:
    for size in reversed(shape):
        form = f"[{','.join([form] * size)}]"
    return form


@lru_cache(maxsize=4)
def _brackets(shape: tuple[int, ...]) -> bytes:
    return _nested("", shape).encode()


def decode(body: bytes, outputs: Mapping[str, TensorInfo]) -> dict[str, NDArray[Any]]:
    """Reads the body of a predict answer.

    Args:
        body: The answer; a server leaves out the name where there is one output.
        outputs: The outputs that are wanted, with full shapes.

    Returns:
        The outputs by name, of the wanted types.

    Raises:
        TransientError: It is no whole JSON.
        ServerError: It is not what was asked for.
    """
    # A text that is cut off is never taken for a shorter one.
    if body.rstrip().endswith(b"}"):
        texts = _texts(body, list(outputs))
        found = {
            name: _numbers(texts[name], info) for name, info in outputs.items() if name in texts
        }
        if len(found) == len(outputs):
            arrays = {name: array for name, array in found.items() if array is not None}
            if len(arrays) == len(outputs):
                return arrays
    return _decode_any(body, outputs)


def _texts(body: bytes, names: list[str]) -> dict[str, bytes]:
    """Cuts the arrays out of an answer of numbers; finds nothing where it is another."""
    start = _OUTPUTS.match(body)
    if start is None:
        return {}
    rest = body[start.end() :].rstrip()[:-1].rstrip()
    if rest.startswith(b"["):
        return {names[0]: rest} if len(names) == 1 else {}
    if not rest.endswith(b"}"):
        return {}
    texts, rest = {}, rest[:-1].rstrip()
    while match := _NAME.match(rest):
        # Arrays of numbers hold no quotation marks.
        end = rest.find(b'"', match.end())
        text = rest[match.end() :] if end < 0 else rest[match.end() : end]
        texts[match[1].decode("utf-8", "replace")] = text.rstrip().removesuffix(b",")
        rest = b"" if end < 0 else rest[end:]
    return texts


def _numbers(text: bytes, info: TensorInfo) -> NDArray[Any] | None:
    """Reads an array of numbers of the right shape; ``None`` where it is anything else."""
    shape = _full(info)
    if info.dtype == "bool" or text.translate(None, _NUMBER) != _brackets(shape):
        return None
    dtype = np.dtype(info.dtype)
    plain = text.translate(None, _BRACKETS).decode("ascii")
    try:
        flat = np.fromstring(plain, np.int64 if dtype.kind in "iu" else dtype, sep=",")
    except ValueError:
        return None
    if flat.size != np.prod(shape):
        return None
    return _cast(flat, dtype).reshape(shape)


def _cast(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        if array.min() < limits.min or array.max() > limits.max:
            raise ServerError(f"answered with numbers beyond {dtype}; {_MEND}")
    return array.astype(dtype, copy=False)


def _decode_any(body: bytes, outputs: Mapping[str, TensorInfo]) -> dict[str, NDArray[Any]]:
    """Reads an answer the slow way: booleans, or one that is wrong, to say what is wrong."""
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise TransientError(f"its answer is no whole JSON ({error})", _MEND) from error
    if not isinstance(answer, dict) or "outputs" not in answer:
        raise ServerError(f"answered without outputs; {_MEND}")
    values = answer["outputs"]
    if not isinstance(values, dict):
        values = dict(zip(outputs, [values], strict=False))
    arrays = {}
    for name, info in outputs.items():
        if name not in values:
            raise ServerError(f"answered without the output {name}; {_MEND}")
        try:
            array = np.asarray(values[name])
        except ValueError as error:
            raise ServerError(f"answered {name} with lists of unequal length; {_MEND}") from error
        dtype, shape = np.dtype(info.dtype), _full(info)
        kinds = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}[dtype.kind]
        if array.shape != shape or (array.dtype.kind not in kinds and array.size):
            raise ServerError(
                f"answered {name} as {array.dtype} {array.shape}, not as {info}; {_MEND}"
            )
        arrays[name] = _cast(array, dtype)
    return arrays


def _full(info: TensorInfo) -> tuple[int, ...]:
    assert info.shape is not None  # noqa: S101
    return tuple(size for size in info.shape if size is not None)
