"""What a training reports: one JSON line a chunk, and TensorBoard scalars beside it."""

from __future__ import annotations

import importlib.util
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmat import disk, files
from tfmat.reading import parse_json
from tfmat.training.quiet import on_tensorflow


class RunLog:
    """Appends to ``log.jsonl``; writes ``tensorboard/<stage>`` where TensorBoard is installed.

    A line holds ``stage``, ``step``, ``time`` (UTC) and the values, e.g. ``loss``.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.jsonl"
        self._board = folder / "tensorboard"
        self._writers: dict[str, Any] = {}
        # TensorFlow's summaries fail without the package, which TensorFlow does not bring.
        self._with_board = importlib.util.find_spec("tensorboard") is not None and on_tensorflow()

    def write(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """Appends a line.

        Args:
            stage: Name of the stage.
            step: Steps done.
            values: Numbers by name; one that is not finite, which JSON cannot hold, is left out.
        """
        values = {name: value for name, value in values.items() if math.isfinite(value)}
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = {"stage": stage, "step": step, "time": now, **values}
        # On disk before the checkpoint of the same step: what is resumed has all lines before it.
        with disk.room_for(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
            stream.flush()
            disk.sync(self.path)
        if self._with_board:
            self._scalars(stage, step, values)

    def _scalars(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        import tensorflow as tf

        if stage not in self._writers:
            self._writers[stage] = tf.summary.create_file_writer(str(self._board / stage))
        with self._writers[stage].as_default():
            for name, value in values.items():
                tf.summary.scalar(name, value, step=step)
        self._writers[stage].flush()

    def rewind(self, stage: str, step: int) -> None:
        """Drops the lines of a stage after a step, and a line that a kill cut short.

        A resumed stage repeats the steps after its checkpoint; their lines come again.

        Args:
            stage: Name of the stage.
            step: Step of the checkpoint that the stage resumes from.
        """
        if not self.path.exists():
            return
        kept = [
            line for line in read_log(self.path) if line["stage"] != stage or line["step"] <= step
        ]
        with files.replacing(self.path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), "utf-8")

    def close(self) -> None:
        """Closes the TensorBoard files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def read_log(path: Path) -> list[dict[str, Any]]:
    """Reads ``log.jsonl``; a last line that a kill cut short is left out.

    Args:
        path: The file.
    """
    lines = []
    for text in path.read_bytes().splitlines():
        try:
            line = parse_json(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and "stage" in line and type(line.get("step")) is int:
            lines.append(line)
    return lines
