"""Tensors as JSON, as TensorFlow Serving's REST interface reads and writes them.

A voxel grid of 64³ is 3 MB of text, so numbers are formatted in one go, by one template.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmat.inference.transport import LOG, ServerError, TensorInfo, TransientError

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
        ServerError: It is not what was asked for.
    """
    answer = parsed(body)
    if not isinstance(answer, dict) or "outputs" not in answer:
        raise ServerError(f"answered without outputs; {LOG}")
    values = answer["outputs"]
    if not isinstance(values, dict):
        values = dict(zip(outputs, [values], strict=False))
    return {name: _array(values, name, info) for name, info in outputs.items()}


def parsed(body: bytes) -> Any:
    """Reads JSON.

    Args:
        body: An answer.

    Raises:
        TransientError: It is no whole JSON, or lists in lists without end.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TransientError(f"its answer is no whole JSON ({error})", LOG) from error


def _array(values: dict[str, Any], name: str, info: TensorInfo) -> NDArray[Any]:
    if name not in values:
        raise ServerError(f"answered without the output {name}; {LOG}")
    try:
        array = np.asarray(values[name])
    except (ValueError, OverflowError) as error:
        raise ServerError(f"answered {name} with lists of unequal length; {LOG}") from error
    dtype = np.dtype(info.dtype)
    kinds = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}[dtype.kind]
    if array.shape != info.shape or (array.dtype.kind not in kinds and array.size):
        raise ServerError(f"answered {name} as {array.dtype} {array.shape}, not as {info}; {LOG}")
    return _cast(array, dtype)


def _cast(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        if array.min() < limits.min or array.max() > limits.max:
            raise ServerError(f"answered with numbers beyond {dtype}; {LOG}")
    with np.errstate(over="ignore"):  # the caller refuses infinity
        return array.astype(dtype, copy=False)
