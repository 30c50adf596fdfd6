"""Tensors as JSON, as TensorFlow Serving's REST interface reads and writes them.

A voxel grid of 64³ is 3 MB of text, so numbers are formatted in one go, by one template.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.inference.transport import LOG, AnswerError, TensorInfo, TransientError, one_line

# Whole numbers from here on are refused for a float, written with a decimal point they are not.
_WHOLE = 2.0**24


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


def decode(body: bytes, outputs: Mapping[str, TensorInfo]) -> dict[str, NDArray[Any]]:
    """Reads the body of a predict answer.

    Args:
        body: The answer; a server leaves out the name where there is one output.
        outputs: The outputs that are wanted, with full shapes.

    Returns:
        The outputs by name, of the wanted types.

    Raises:
        TransientError: It is no whole JSON.
        AnswerError: It is not what was asked for.
    """
    answer = parsed(body)
    if not isinstance(answer, dict) or "outputs" not in answer:
        raise AnswerError(f"answered without outputs; {LOG}")
    values = answer["outputs"]
    if not isinstance(values, dict):
        values = dict(zip(outputs, [values], strict=False))
    return {name: _array(values, name, info) for name, info in outputs.items()}


def parsed(body: bytes) -> Any:
    """Reads JSON.

    Args:
        body: An answer.

    Raises:
        TransientError: It is no whole JSON.
        AnswerError: It holds lists in lists without end, whole numbers of thousands of digits, or
            bytes that are no text.
    """
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        raise TransientError(f"its answer is no whole JSON ({error})", LOG) from error
    except RecursionError as error:
        raise AnswerError(f"its answer holds lists in lists without end; {LOG}") from error
    except ValueError as error:
        raise AnswerError(f"its answer cannot be read ({one_line(str(error))}); {LOG}") from error


def _array(values: dict[str, Any], name: str, info: TensorInfo) -> NDArray[Any]:
    if name not in values:
        raise AnswerError(f"answered without the output {name}; {LOG}")
    # One list of all numbers, before NumPy sees it: of a text among them it would make an array of
    # texts of that length.
    level = [values[name]]
    shape = [size or 0 for size in info.shape or ()]
    for size in shape:
        if any(type(value) is not list or len(value) != size for value in level):
            raise AnswerError(f"answered {name} as {_described(values[name], info)}; {LOG}")
        level = list(chain.from_iterable(level))
    dtype = np.dtype(info.dtype)
    allowed: dict[str, set[type]] = {"f": {float, int}, "i": {int}, "u": {int}, "b": {bool}}
    if not set(map(type, level)) <= allowed[dtype.kind]:
        raise AnswerError(f"answered {name} as {_described(values[name], info)}; {LOG}")
    try:
        array = np.array(level, np.float64 if dtype.kind == "f" else None).reshape(shape)
        if dtype.kind in "iu" and level:
            limits = np.iinfo(dtype)
            if array.dtype.kind not in "iu" or array.min() < limits.min or array.max() > limits.max:
                raise OverflowError
        with np.errstate(over="ignore"):  # the caller refuses infinity
            return array.astype(dtype, copy=False)
    except OverflowError as error:
        raise AnswerError(f"answered {name} with numbers beyond {dtype}; {LOG}") from error


def _described(value: Any, info: TensorInfo) -> str:
    """Says what is there instead of a tensor, by its first numbers."""
    shape: list[int] = []
    while type(value) is list and len(shape) <= len(info.shape or ()):
        shape.append(len(value))
        value = value[0] if value else None
    words = {float: "numbers", int: "whole numbers", str: "texts", bool: "true and false"}
    kind = words.get(type(value), "nothing" if value is None else "lists or objects")
    return f"{kind} of shape {tuple(shape)} or of unequal length or kind, not as {info}"
