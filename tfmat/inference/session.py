"""ONNX Runtime sessions of a package's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmat.errors import InputError, first_line
from tfmat.inference.metadata import METADATA

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(file: Path, entry: Mapping[str, Any], threads: int) -> InferenceSession:
    """Opens an ONNX file and compares its tensors with what the metadata say of it.

    Args:
        file: The ONNX file.
        entry: Entry of its part in the metadata.
        threads: Threads of one operator.

    Raises:
        InputError: The file is no ONNX model, or its tensors are others.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait double the CPU time on a machine that others use too.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own exceptions share no public base class
        raise InputError(f"{file}: no usable ONNX model ({first_line(error)})") from error
    _check_tensors(file, entry, session)
    return session


def _check_tensors(file: Path, entry: Mapping[str, Any], session: InferenceSession) -> None:
    """Compares names and sizes, as far as a graph says them, with the metadata."""
    for kind, tensors in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
        described = entry[kind]
        if {tensor.name for tensor in tensors} != set(described):
            what = f"its {kind} are {', '.join(tensor.name for tensor in tensors)}"
            raise _other_tensors(file, what, ", ".join(described))
        for tensor in tensors:
            sizes = described[tensor.name]["shape"][1:]
            fits = len(tensor.shape) == len(sizes) + 1 and all(
                found == size or not isinstance(found, int)
                for found, size in zip(tensor.shape[1:], sizes, strict=True)
            )
            if not fits:
                what = f"{tensor.name} has shape {tensor.shape}"
                raise _other_tensors(file, what, str(["batch", *sizes]))


def _other_tensors(file: Path, what: str, said: str) -> InputError:
    return InputError(f"{file}: {what}, {METADATA} says {said}; export or copy the package again")
