"""What programs rely on in a package's metadata, checked whenever they are read.

The JSON Schema beside it says more; but it needs jsonschema, and this runs everywhere. A foreign
package must not lead to a file elsewhere, a command in a script, or an error that explains nothing.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from tfmat import families

PRECISION = "(float32|float16|int8)"
_SYMBOL = "[A-Z][a-z]?"
_SHA256 = "[0-9a-f]{64}"
_PATH = "[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*"
_WORD = "[a-z][a-z0-9_]*"
# Becomes the name of a column.
_PROPERTY = "[A-Za-z0-9_.-]+"
_DTYPE = "(float32|uint8|int32|int64|bool)"
# Identifiers as SPDX writes them.
_LICENCE = "[A-Za-z0-9][A-Za-z0-9.+-]*( AND [A-Za-z0-9][A-Za-z0-9.+-]*)*"
# No metadata of ours are half as deep; recursion ends at a thousand.
_DEEPEST = 20
_LARGEST = 2**31 - 1
_MISSING = object()


class _FlawError(Exception):
    """Something is not as programs need it."""


def first_flaw(metadata: dict[str, Any]) -> str | None:
    """Returns what of a package's metadata cannot be relied on, in one line, or ``None``.

    Args:
        metadata: What ``metadata.json`` holds; its family is known.
    """
    try:
        _check_text(metadata)
        _check(Node(metadata, ""))
    except _FlawError as flaw:
        return str(flaw)
    return None


@dataclass(frozen=True)
class Node:
    """A value of the metadata, and where it stands."""

    value: Any
    where: str

    def wrong(self, wanted: str) -> NoReturn:
        """Says that the value is not what is wanted.

        Args:
            wanted: What it should be, in words.
        """
        if self.value is _MISSING:
            raise _FlawError(f"{self.where} is missing")
        raise _FlawError(f"{self.where} is {reprlib.repr(self.value)}, not {wanted}")

    def table(self) -> dict[str, Any]:
        """Returns the value, which must be a table."""
        if not isinstance(self.value, dict):
            self.wrong("a table")
        return self.value

    def get(self, key: str) -> Node:
        """Returns an entry of the table, there or not.

        Args:
            key: Its name.
        """
        return Node(self.table().get(key, _MISSING), f"{self.where}.{key}".lstrip("."))

    def maybe(self, key: str) -> Iterator[Node]:
        """Yields an entry of the table, if it is there.

        Args:
            key: Its name.
        """
        if (node := self.get(key)).value is not _MISSING:
            yield node

    def items(self, pattern: str = "", least: int = 0, most: int | None = None) -> Iterator[Node]:
        """Yields the values of the table.

        Args:
            pattern: Regular expression that names must match; empty for any.
            least: Fewest entries.
            most: Most entries.
        """
        if len(self.table()) < least or (most is not None and len(self.value) > most):
            self.wrong(f"a table of {least}" if least == most else "a table with entries")
        for key in self.value:
            if pattern and not re.fullmatch(pattern, key):
                raise _FlawError(f"{key!r} is no possible name in {self.where}")
            yield self.get(key)

    def rows(self, least: int = 0) -> Iterator[Node]:
        """Yields the values of the list.

        Args:
            least: Fewest values.
        """
        if not isinstance(self.value, list) or len(self.value) < least:
            self.wrong("a list" if not least else f"a list of at least {least}")
        for index, value in enumerate(self.value):
            yield Node(value, f"{self.where}[{index}]")

    def text(self, pattern: str = "", wanted: str = "a text") -> str:
        """Returns the value, which must be a text.

        Args:
            pattern: Regular expression that it must match as a whole; empty for any text.
            wanted: What it should be, in words.
        """
        if not isinstance(self.value, str) or (pattern and not re.fullmatch(pattern, self.value)):
            self.wrong(wanted)
        return self.value

    def line(self, least: int = 1) -> None:
        """Checks a text that becomes a name in a file or on a screen.

        Args:
            least: Fewest characters.
        """
        if len(self.text().strip()) < least or not self.value.isprintable():
            self.wrong("one line of text")

    def whole(self, least: int = 0, most: float = math.inf) -> None:
        """Checks a whole number.

        Args:
            least: The smallest that is possible.
            most: The largest.
        """
        # A truth value is no number, though Python has it so.
        if type(self.value) is not int or not least <= self.value <= most:
            self.wrong(f"a whole number of at least {least}")

    def number(self, null: bool = False) -> None:
        """Checks a finite number.

        Args:
            null: Whether there may be none.
        """
        if null and self.value is None:
            return
        if type(self.value) not in (int, float) or not abs(self.value) < math.inf:
            self.wrong("a finite number")


def _check_text(metadata: Any) -> None:
    """Refuses what cannot be written again: tables without end, halves of characters."""
    level, depth = [metadata], 0
    while level:
        if (depth := depth + 1) > _DEEPEST:
            raise _FlawError(f"tables are nested more than {_DEEPEST} deep")
        texts = [value for value in level if isinstance(value, str)]
        texts += [key for value in level if isinstance(value, dict) for key in value]
        try:
            "".join(texts).encode("utf-8")
        except UnicodeEncodeError as error:
            raise _FlawError("a text is no valid Unicode") from error
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]


def _check(top: Node) -> None:
    top.get("name").line()
    for symbol in top.get("elements").rows(1):
        symbol.text(_SYMBOL, "an element")
    for key in ("opset", "seed"):
        for node in top.maybe(key):
            node.whole()
    for node in top.maybe("tfmat_version"):
        node.line()
    for node in top.maybe("served"):
        if node.value is not True:
            node.wrong("true")
    _check_origin(top)
    family = families.get(top.get("family").value)
    family.check_metadata(top)
    for part in top.get("parts").items(family.part_pattern, least=1):
        _check_part(part)


def _check_origin(top: Node) -> None:
    """Checks recipe, data, training and metrics."""
    recipe = top.get("recipe")
    recipe.get("name").text()
    for node in recipe.maybe("description"):
        node.text()
    for gan in recipe.maybe("gan"):
        gan.table()
    for data in top.maybe("dataset"):
        for key in ("name", "sha256"):
            for node in data.maybe(key):
                node.text()
        for key in ("training", "held_out"):
            for node in data.maybe(key):
                node.whole()
        for node in data.maybe("license"):
            node.text(_LICENCE, "the identifier of a licence")
        for texts in data.maybe("attribution"):
            for node in texts.rows(1):
                node.line()
        for split in data.maybe("split"):
            _check_split(split)
    for training in top.maybe("training"):
        for node in training.maybe("created"):
            node.text()
        for versions in training.maybe("versions"):
            for node in versions.items():
                node.text()
    for metrics in top.maybe("metrics"):
        for stage in metrics.items():
            _check_metrics(stage)
    for measured in top.maybe("measured"):
        for generated in measured.maybe("generated"):
            _check_metrics(generated)


def _check_split(split: Node) -> None:
    split.get("kind").text()
    for key in ("sha256", "from_date"):
        for node in split.maybe(key):
            node.text()
    for named in split.maybe("leave_out"):
        for node in named.items():
            node.whole()
    for undated in split.maybe("undated"):
        undated.get("side").text()
        undated.get("structures").whole()


def _check_metrics(metrics: Node) -> None:
    """Checks metrics by name; those of before have value, unit and note alone."""
    for metric in metrics.items():
        metric.get("value").number(null=True)
        metric.get("unit").text()
        for key in ("name", "note", "command"):
            for node in metric.maybe(key):
                node.text()
        for key in ("numerator", "denominator", "standard_error"):
            for node in metric.maybe(key):
                node.number(null=True)
        for node in metric.maybe("subset"):
            node.table()
        for node in metric.maybe("tolerance"):
            if node.value is not None:
                node.get("value").number()
                node.get("unit").text()
        for node in metric.maybe("judge"):
            if node.value is not None:
                for key in ("name", "version"):
                    node.get(key).text()
                node.get("settings").table()


def _check_part(part: Node) -> None:
    part.get("parameters").whole()
    part.get("weights_sha256").text(_SHA256, "a SHA-256")
    for tensor in part.get("inputs").items(_WORD, least=1, most=1):
        _check_tensor(tensor, least=2)
    for tensor in part.get("outputs").items(_WORD, least=1):
        _check_tensor(tensor, least=1)
    for node in part.maybe("property"):
        node.text(_PROPERTY, "the name of a property")
    for file in part.get("onnx").items(PRECISION, least=1):
        _check_file(file)
    for file in part.maybe("keras"):
        _check_file(file)
    for saved in part.maybe("saved_model"):
        folder = saved.get("folder").text(_PATH, "a path within the package")
        for file in saved.get("files").rows(1):
            _check_file(file)
            if not file.get("file").value.startswith(f"{folder}/"):
                file.get("file").wrong(f"a file of {folder}")


def _check_tensor(tensor: Node, least: int) -> None:
    first, *sizes = tensor.get("shape").rows(least)
    first.text("batch", "batch")
    for size in sizes:
        size.whole(1, _LARGEST)
    tensor.get("dtype").text(_DTYPE, "a type of numbers")
    for unit in tensor.maybe("unit"):
        unit.line(least=0)


def _check_file(record: Node) -> None:
    record.get("file").text(_PATH, "a path within the package")
    record.get("sha256").text(_SHA256, "a SHA-256")
    record.get("bytes").whole()
