"""Tables of typed fields: what is wrong of a value, where, what it should be; and the schema."""

import dataclasses
import math
from typing import Annotated, ClassVar, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct

from tfmat import typed
from tfmat.typed import Maybe, words


class Screw(Struct, frozen=True, kw_only=True):
    """A screw.

    Args:
        length: Its length,
            in mm.
        head: How it is turned.

    Raises:
        Nothing: ever.
    """

    length: Annotated[float, Meta(gt=0)]
    head: Literal["slot", "cross", "hex"] = "slot"
    maker: Maybe[Annotated[str, words("[A-Z][a-z]*", "a name")]] = UNSET


@dataclasses.dataclass(frozen=True)
class Box:
    """A box of screws."""

    open_ended: ClassVar[bool] = True

    count: Annotated[int, Meta(ge=1, le=9)]
    screws: tuple[Screw, ...] = ()
    by_name: dict[Annotated[str, words("[a-z]+", "a small word")], Screw] = dataclasses.field(
        default_factory=dict
    )
    weight: float | None = None
    full: bool = False
    label: Annotated[str, Meta(min_length=1)] = "none"
    names: Annotated[list[str], Meta(min_length=2)] = dataclasses.field(
        default_factory=lambda: ["a", "b"]
    )


@pytest.mark.parametrize(
    ("box", "flaw"),
    [
        ({}, "count is missing"),
        ({"count": 0}, "count must be a whole number from 1 to 9, not 0"),
        ({"count": True}, "count must be a whole number from 1 to 9, not True"),
        ({"count": 1.5}, "count must be a whole number from 1 to 9, not 1.5"),
        ({"count": 1, "full": 1}, "full must be true or false, not 1"),
        ({"count": 1, "label": ""}, "label must be a text that is not empty, not ''"),
        ({"count": 1, "weight": "x"}, "weight must be a number or null, not 'x'"),
        ({"count": 1, "names": ["a"]}, "names must be a list of at least 2, not ['a']"),
        ({"count": 1, "screws": "x"}, 'screws must be a list, e.g. ["x"]'),
        ({"count": 1, "screws": [{"length": 1}, 3]}, "screws[1] must be a table, not 3"),
        ({"count": 1, "screws": [{}]}, "screws[0].length is missing"),
        ({"count": 1, "by_name": {"a": {}}}, "by_name.a.length is missing"),
        (
            {"count": 1, "by_name": {"a": {"length": 1, "head": "slit"}}},
            "by_name.a.head must be one of slot, cross, hex, not 'slit' (did you mean slot?)",
        ),
        (
            {"count": 1, "by_name": {"a": {"length": 1, "maker": None}}},
            "by_name.a.maker must be a name, not None",
        ),
        (
            {"count": 1, "by_name": {"a": {"length": 1, "maker": "Ada\n"}}},
            "by_name.a.maker must be a name, not 'Ada\\n'",
        ),
        (
            {"count": 1, "by_name": {"A": {"length": 1}}},
            "by_name has an entry 'A'; a name there must be a small word",
        ),
        ([], "must be a table, not []"),
    ],
)
def test_a_flaw_is_named_with_its_place_and_what_is_wanted(box, flaw):
    found = typed.first_flaw(Box, box)
    assert found.strip() == flaw
    assert len(found.splitlines()) == 1
    # The schema refuses the same.
    assert list(validator().iter_errors(box))


def validator():
    found = typed.definitions(Box)
    return jsonschema.Draft202012Validator({"$ref": "#/$defs/Box", "$defs": found})


def test_what_is_right_has_no_flaw():
    screw = {"length": 3, "head": "hex", "maker": "Ada"}
    box = {"count": 9, "screws": [screw, Screw(length=1.0)], "by_name": {"a": screw}, "weight": 1}
    assert typed.first_flaw(Box, box) is None
    assert typed.unknown_key(Box, box) is None
    assert typed.first_flaw(Box, Box(count=-1)) is None  # who made it has checked it


def test_keys_that_are_unknown_are_found_at_any_depth():
    assert typed.unknown_key(Box, {"cuont": 1}) == "unknown key cuont (did you mean count?)"
    deep = {"count": 1, "screws": [{"length": 1}, {"lenght": 1}]}
    assert typed.unknown_key(Box, deep) == ("unknown key screws[1].lenght (did you mean length?)")


def test_the_words_of_a_docstring_stand_in_the_schema():
    screw = typed.definitions(Box)["Screw"]
    assert screw["description"] == "A screw."
    assert screw["additionalProperties"] is False
    assert screw["properties"]["length"] == {
        "description": "Its length, in mm.",
        "type": "number",
        "exclusiveMinimum": 0,
    }
    assert screw["properties"]["head"]["description"] == "How it is turned."
    assert "description" not in screw["properties"]["maker"]
    assert "additionalProperties" not in typed.definitions(Box)["Box"]


def test_two_tables_of_one_name_are_a_mistake_of_ours():
    class Pair(Struct):
        one: Screw
        other: Annotated[dict[str, "Maybe[float]"], Meta()]

    other = type("Screw", (Struct,), {"__annotations__": {"x": int}})
    with pytest.raises(TypeError, match="two tables are called Screw"):
        typed.definitions(Screw, other)


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        ({"a": [1, math.inf]}, "a[1] must be a finite number, not inf"),
        ({"a": {"b": math.nan}}, "a.b must be a finite number, not nan"),
        ({"a": "\ud800"}, "a text is no valid Unicode"),
        ({"\ud800": 1}, "a text is no valid Unicode"),
        (nested(20), "tables are nested more than 20 deep"),
        ({"\x1b[2J": math.nan}, "<U+001B>[2J must be a finite number, not nan"),
    ],
)
def test_what_no_file_of_ours_holds(value, flaw):
    assert typed.unsound(value) == flaw


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=10,
    ),
    st.sampled_from(["count", "screws", "by_name", "weight", "full", "label", "names"]),
)
def test_checks_and_schema_agree_on_any_json(value, key):
    if typed.unsound({key: value}) is not None:
        return
    box = {"count": 1, key: value}
    flaw = typed.first_flaw(Box, box) or typed.unknown_key(Box, box)
    # A float is a whole number to JSON Schema where nothing stands behind the point.
    if key == "count" and isinstance(value, float) and value.is_integer():
        return
    assert (flaw is None) == validator().is_valid(box)
