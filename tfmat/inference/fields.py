"""The kinds of values that ``metadata.json`` of a model package has, each said once."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tfmat.typed import words

LARGEST = 2**31 - 1

Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]
Sha256 = Annotated[str, words("[0-9a-f]{64}", "a SHA-256")]
# Becomes a name in a file or on a screen: nothing that commands a terminal or turns the line.
_CALM = r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
Line = Annotated[str, words(rf"(?=[\s\S]*\S){_CALM}*", "one line of text")]
Unit = Annotated[str, words(f"{_CALM}*", "one line of text")]
Symbol = Annotated[str, words("[A-Z][a-z]?", "an element")]
# Identifiers as SPDX writes them.
_LICENCE = "[A-Za-z0-9][A-Za-z0-9.+-]*"
Licence = Annotated[str, words(_LICENCE, "the identifier of a licence")]
Licences = Annotated[
    str, words(f"{_LICENCE}( AND {_LICENCE})*", "the identifier of a licence, or several with AND")
]
_PATH = "[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*"
InnerPath = Annotated[str, words(_PATH, "a path within the package")]
Command = Annotated[str, words(rf"tfmat {_CALM}*", "a command of tfmat")]
Moment = Annotated[
    str,
    words("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z", "a time such as 2026-01-31T12:00:00Z"),
]
Release = Annotated[str, words(r"[0-9]+\.[0-9]+[!-~]*", "a version of tfmat")]
Precision = Annotated[str, words("(float32|float16|int8)", "one of float32, float16, int8")]
PropertyName = Annotated[str, words("[A-Za-z0-9_.-]+", "the name of a property")]
TensorName = Annotated[str, words("[a-z][a-z0-9_]*", "a word in small letters")]
Dtype = Literal["float32", "uint8", "int32", "int64", "bool"]
Versions = dict[str, Line]


class Table(Struct, frozen=True, kw_only=True):
    """A table of the metadata; entries that it does not know are left alone when it is read."""
