"""Tables of typed fields: what a value read from JSON or TOML must be, said once at the field.

A table is a ``msgspec.Struct`` or a dataclass whose annotations carry bounds (``msgspec.Meta``).
:func:`first_flaw` says what of a value is not as they ask, and where; :func:`definitions` says the
same as JSON Schema.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import re
import reprlib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, UnsetType

from tfmat.errors import InputError, did_you_mean, printable

T = TypeVar("T")
# A field that may be left out, but is not null.
Maybe: TypeAlias = T | UnsetType

_ABSENT = (UnsetType, type(None))

# Nothing of ours is half as deep; recursion ends at a thousand.
_DEEPEST = 20
# In the order in which they are said: "a number above 0 and at most 1".
_BOUNDS = {"ge": "of at least", "gt": "above", "lt": "below", "le": "at most"}


def words(pattern: str, wanted: str) -> Meta:
    """Returns what an annotated text must match.

    Args:
        pattern: Regular expression for the whole text, as Python and JSON Schema both read it.
        wanted: What the text should be, for messages.
    """
    # In Python `$` stands before a line end at the end, too.
    return Meta(pattern=rf"^(?:{pattern})$(?!\n)", extra={"wanted": wanted})


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a table.

    Args:
        name: Its name in the file.
        hint: Its type with all bounds.
        required: Whether it must be there.
    """

    name: str
    hint: Any
    required: bool


@functools.cache
def fields(table: Any) -> dict[str, Field]:
    """Returns the fields of a table by the name of their attribute.

    Args:
        table: A ``msgspec.Struct`` or a dataclass.
    """
    if issubclass(table, msgspec.Struct):
        return {
            field.name: Field(field.encode_name, field.type, field.required)
            for field in msgspec.structs.fields(table)
        }
    hints = typing.get_type_hints(table, include_extras=True)
    nothing = dataclasses.MISSING
    return {
        field.name: Field(
            field.name,
            hints[field.name],
            field.default is nothing and field.default_factory is nothing,
        )
        for field in dataclasses.fields(table)
    }


def unsound(value: Any, where: str = "") -> str | None:
    """Returns what of a value no file of ours could hold, in one line, or ``None``.

    Args:
        value: Tables, lists and plain values: tables without end, halves of characters, and
            numbers that are none are refused.
        where: Dotted place of the value.
    """
    return _shown(_unsound(value, where, 1))


def unknown_key(hint: Any, table: Mapping[str, Any], where: str = "") -> str | None:
    """Returns the first key that a table or one within it does not have, in words, or ``None``.

    Args:
        hint: Type of the table.
        table: Plain values by key.
        where: Dotted place of the table.
    """
    return _shown(next(_unknown_keys(hint, table, where), None))


def first_flaw(hint: Any, value: Any, where: str = "") -> str | None:
    """Returns what of a value is not as its type asks, in one line, or ``None``.

    Keys that a table does not have are no flaw (:func:`unknown_key`).

    Args:
        hint: The type.
        value: Tables, lists and plain values; what is a table already is not looked into.
        where: Dotted place of the value, which the message begins with.
    """
    try:
        msgspec.convert(value, hint)
    except (InputError, msgspec.ValidationError):
        # What msgspec says leaves out the keys on the way.
        return _shown(next(_flaws(hint, value, where)))
    return None


def is_plain_list(table: Any, path: Sequence[str]) -> bool:
    """Tells whether a field is a list of texts or numbers.

    Args:
        table: A ``msgspec.Struct`` or a dataclass.
        path: Names of fields from there; what it does not have is no list.
    """
    bare = table
    for name in path:
        known = {field.name: field for field in fields(bare).values()} if is_table(bare) else {}
        if name not in known:
            return False
        bare, origin, inner = parts_of(known[name].hint)
    return origin in (list, tuple) and not is_table(parts_of(inner[0])[0])


def definitions(*tables: type) -> dict[str, Any]:
    """Returns the JSON Schemas of tables and of those within them, by name.

    The words on a table and its fields are those of its docstring. A table takes no other entries,
    except one that has an attribute ``open_ended``.

    Args:
        *tables: Structs or dataclasses.
    """
    every = _within(tables)
    _, found = msgspec.json.schema_components(tables, ref_template="#/$defs/{name}")
    for table in every:
        schema = found[table.__name__]
        if not hasattr(table, "open_ended"):
            schema["additionalProperties"] = False
        summary, arguments = described(table)
        schema["description"] = summary
        for attribute, field in fields(table).items():
            if attribute in arguments:
                entry = {"description": arguments[attribute]}
                schema["properties"][field.name] = entry | schema["properties"][field.name]
    return found


def _shown(flaw: str | None) -> str | None:
    # Keys of a foreign file might command a terminal.
    return None if flaw is None else printable(flaw).strip()


def _unsound(value: Any, where: str, depth: int) -> str | None:
    if depth > _DEEPEST:
        return f"tables are nested more than {_DEEPEST} deep"
    if isinstance(value, str):
        halves = not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value)
        return "a text is no valid Unicode" if halves else None
    if isinstance(value, float) and not math.isfinite(value):
        return f"{where} must be a finite number, not {value}"
    if isinstance(value, Mapping):
        for key, inner in value.items():
            place = f"{where}.{key}" if where else key
            if flaw := _unsound(key, where, depth) or _unsound(inner, place, depth + 1):
                return flaw
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            if flaw := _unsound(inner, f"{where}[{index}]", depth + 1):
                return flaw
    return None


def _unknown_keys(hint: Any, value: Any, where: str) -> Iterator[str]:
    bare, _, inner = parts_of(hint)
    if is_table(bare) and isinstance(value, Mapping):
        known = {field.name: field for field in fields(bare).values()}
        for key, entry in value.items():
            place = f"{where}.{key}" if where else key
            if key not in known:
                yield f"unknown key {place}{did_you_mean(key, list(known))}"
            else:
                yield from _unknown_keys(known[key].hint, entry, place)
    elif inner and isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from _unknown_keys(inner[0], entry, f"{where}[{index}]")


def _flaws(hint: Any, value: Any, where: str) -> Iterator[str]:
    bare, origin, inner = parts_of(hint)
    table = is_table(bare)
    if table and isinstance(value, bare):
        return
    if table and isinstance(value, Mapping):
        yield from _table_flaws(bare, value, where)
    elif origin is dict and isinstance(value, Mapping):
        for key, entry in value.items():
            if first_flaw(inner[0], key):
                yield (
                    f"{where} has an entry {reprlib.repr(key)}; a name there must be "
                    f"{words_on(inner[0])}"
                )
            yield from _flaws(inner[1], entry, f"{where}.{key}")
    elif origin in (list, tuple) and isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from _flaws(inner[0], entry, f"{where}[{index}]")
    try:
        msgspec.convert(value, hint)
    except InputError as error:
        yield f"{where}: {error}" if where else str(error)
    except msgspec.ValidationError:
        wanted = words_on(hint)
        if origin in (list, tuple) and isinstance(value, str):
            yield f'{where} must be {wanted}, e.g. ["{value[:30]}"]'
        else:
            yield f"{where} must be {wanted}, not {reprlib.repr(value)}{_near(hint, value)}"


def _table_flaws(table: type, value: Mapping[str, Any], where: str) -> Iterator[str]:
    known = {field.name: field for field in fields(table).values()}
    prefix = f"{where}." if where else ""
    for name, field in known.items():
        if name in value:
            yield from _flaws(field.hint, value[name], f"{prefix}{name}")
        elif field.required:
            yield f"{prefix}{name} is missing"


def parts_of(hint: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    """Returns a type without bounds and without leave to be absent, its origin and its inner.

    Args:
        hint: The type.
    """
    while (origin := typing.get_origin(hint)) is not None:
        if origin is typing.Annotated:
            hint = typing.get_args(hint)[0]
        elif origin in (typing.Union, types.UnionType):
            inner = [kind for kind in typing.get_args(hint) if kind not in _ABSENT]
            if len(inner) != 1:
                return hint, origin, ()
            (hint,) = inner
        else:
            return hint, origin, typing.get_args(hint)
    return hint, None, ()


def is_table(kind: Any) -> bool:
    """Tells whether a type is a table.

    Args:
        kind: The type, without bounds.
    """
    if not isinstance(kind, type):
        return False
    return issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind)


def _near(hint: Any, value: Any) -> str:
    """Returns "did you mean" where words are allowed and the value is close to one."""
    _, origin, inner = parts_of(hint)
    if origin is not typing.Literal or not isinstance(value, str):
        return ""
    return did_you_mean(value, [word for word in inner if isinstance(word, str)])


def words_on(hint: Any) -> str:
    """Says in words what a value of a type must be.

    Args:
        hint: The type.
    """
    _, origin, inner = parts_of(hint)
    if origin is typing.Literal:
        # In the order in which they are declared, which msgspec does not keep.
        allowed = ", ".join(map(str, inner))
        return allowed if len(inner) == 1 else f"one of {allowed}"
    return _wanted(msgspec.inspect.type_info(hint))


def _wanted(info: Any) -> str:
    kinds = msgspec.inspect
    match info:
        case kinds.Metadata():
            return (info.extra or {}).get("wanted") or _wanted(info.type)
        case kinds.UnionType():
            return " or ".join(_wanted(kind) for kind in info.types)
        case kinds.LiteralType():
            return " or ".join(map(str, info.values))
        case kinds.IntType() | kinds.FloatType():
            noun = "a whole number" if isinstance(info, kinds.IntType) else "a number"
            if info.ge is not None and info.le is not None:
                return f"{noun} from {info.ge} to {info.le}"
            given = {name: getattr(info, name) for name in _BOUNDS}
            limits = [f"{_BOUNDS[name]} {n}" for name, n in given.items() if n is not None]
            return " ".join([noun, " and ".join(limits)]).strip()
        case kinds.BoolType():
            return "true or false"
        case kinds.StrType():
            return "a text" if not info.min_length else "a text that is not empty"
        case kinds.ListType() | kinds.VarTupleType():
            return "a list" + _entries(info)
        case kinds.NoneType():
            return "null"
        case _:
            return "a table" + _entries(info)


def _entries(info: Any) -> str:
    least, most = (getattr(info, f"{name}_length", None) for name in ("min", "max"))
    if least is not None and least == most:
        return f" of {least}"
    return f" of at least {least}" if least else ""


def _within(tables: tuple[type, ...]) -> list[type]:
    """Returns tables and all tables within them, each once."""
    found: dict[str, type] = {}
    left: list[Any] = list(tables)
    while left:
        hint = left.pop()
        bare, _, inner = parts_of(hint)
        if not is_table(bare):
            left += inner
        elif found.setdefault(bare.__name__, bare) is not bare:
            raise TypeError(f"two tables are called {bare.__name__}; call one of them otherwise")
        else:
            left += [field.hint for field in fields(bare).values()]
    return list(found.values())


def described(table: type) -> tuple[str, dict[str, str]]:
    """Returns the first paragraph of a docstring, and its words on each argument.

    Args:
        table: A struct or a dataclass.
    """
    text = inspect.getdoc(table) or ""
    summary = " ".join(text.partition("\n\n")[0].split())
    arguments: dict[str, str] = {}
    for base in reversed(table.__mro__):
        _, _, rest = (inspect.cleandoc(base.__doc__ or "")).partition("\nArgs:\n")
        block = re.split(r"^\S", rest, maxsplit=1, flags=re.MULTILINE)[0]
        for entry in re.split(r"^    (?=\w+: )", block, flags=re.MULTILINE)[1:]:
            name, _, said = entry.partition(": ")
            arguments[name] = " ".join(said.split())
    return summary, arguments
