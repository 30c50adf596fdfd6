"""Tables of formulas with all that may be wrong with a file, and what must hold for any of them."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

# What formulas are written with in one place or another, and much that only looks so.
PIECES = st.sampled_from(
    [
        *("Li", "O", "H", "Fe", "Na", "Cl", "K", "S", "D", "T", "Vac", "Wat", "X", "e", "co"),
        *("SO4", "H2O", "NH3", "MgSO4", "Al2O3", "(OH)", "[Fe(CN)6]", "NaN", "nan", "None", ""),
        *("0", "1", "2", "05", "0.5", ".5", "1.", "6.25", "1/3", "½", "⅔", "⁄", "1e400", "9" * 12),
        *("9" * 400, "²", "₂", "⁻", "٢", "Ｌｉ", "２", "．", "×", "·", "•", "*", ".", "..", "-"),
        *("+", "2+", "−", "–", "x", "δ", "%", "5%", "/", ",", ";", "\t", " ", "\n", "\r", "\0"),
        *(
            '"',
            "'",
            "=",
            "@",
            "<sub>2</sub>",
            "<sup>2-</sup>",
            "$_2$",
            "_2",
            "_{2}",
            "^{2}",
            "&lt;",
        ),
        *("\\cdot", "\\mathrm{Li}", "\u200b", "\ufeff", "\u202e", "\ufffd", "\x1b[31m", "\u2028"),
        *("(", ")", "[", "]", "{", "}", "((", "))", "□", "\U0001f9ea", "é"),
    ]
)
FORMULAS = st.one_of(
    st.lists(PIECES, max_size=8).map("".join),
    st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Cf", "Cc", "Nd", "No", "Sm"]), max_size=8),
    st.lists(PIECES, min_size=60, max_size=200).map("".join),
)
NAMES = st.sampled_from(
    ["formula", "Pretty Formula", "composition", "id", "energy", "band_gap", "=x", "", "Li2O"]
)
CELLS = st.one_of(
    FORMULAS, st.sampled_from(["-1.5", "1e400", "nan", "", "-inf", "9" * 400, '{"a": [', "1_0"])
)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@st.composite
def rows(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """A header and rows of text."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4))
    cells = st.lists(CELLS, min_size=len(names), max_size=len(names))
    return names, draw(st.lists(cells, max_size=6))


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    """A table as text, whose cells are quoted or not, in one encoding or another."""
    names, lines = draw(rows())
    delimiter = draw(st.sampled_from(",;\t"))
    quoted = draw(st.booleans())
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    cell = (lambda text: '"' + text.replace('"', '""') + '"') if quoted else str
    text = end.join(delimiter.join(map(cell, line)) for line in [names, *lines])
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16", "cp1252"]))
    return text.encode(encoding, "replace")


@st.composite
def json_files(draw: st.DrawFn) -> bytes:
    """A table in one of pandas' forms, or any other JSON."""
    names, lines = draw(rows())
    labels = draw(st.sampled_from([list(map(str, range(9))), list("abcdefghi"), ["Li2O"] * 9]))
    records: list[Any] = [dict(zip(names, line, strict=True)) for line in lines]
    split = {"columns": names, "data": lines}
    anything = st.recursive(
        st.one_of(FORMULAS, st.floats(), st.integers(), st.booleans(), st.none()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(NAMES | FORMULAS, inner, max_size=4)
        ),
        max_leaves=12,
    )
    value: Any = draw(
        st.one_of(
            st.just(records),
            st.just(lines),
            st.just(split),
            st.just(dict(zip(labels, records, strict=False))),
            st.just(
                {name: dict(zip(labels, cells, strict=False)) for name, cells in split.items()}
            ),
            st.just({n: [line[i] for line in lines] for i, n in enumerate(names)}),
            anything,
        )
    )
    if draw(st.booleans()) and isinstance(value, list):
        return "\n".join(map(json.dumps, value)).encode()
    return json.dumps(value, indent=draw(st.sampled_from([None, 1]))).encode()


@st.composite
def parquet_files(draw: st.DrawFn) -> bytes:
    """A table as Parquet; a column may hold numbers or lists."""
    names, lines = draw(rows())
    columns: dict[str, Any] = {}
    for index, name in enumerate(names):
        cells = [_encodable(line[index]) for line in lines]
        made = draw(
            st.sampled_from([cells, [len(cell) for cell in cells], [[cell] for cell in cells]])
        )
        columns[name] = pa.array(made) if made else pa.array([], pa.string())
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file that may hold formulas: whole, cut, changed at some places, packed."""
    content = draw(
        st.one_of(
            csv_files(), csv_files(), json_files(), json_files(), parquet_files(), st.binary()
        )
    )
    damage = draw(st.sampled_from(["none", "none", "cut", "flip", "insert", "double"]))
    place = draw(st.integers(0, len(content)))
    if damage == "cut":
        content = content[:place]
    elif damage == "flip" and place < len(content):
        changed = content[place] ^ draw(st.integers(1, 255))
        content = content[:place] + bytes([changed]) + content[place + 1 :]
    elif damage == "insert":
        added = draw(st.sampled_from([b'"', b"\0", b"\xff", b"\xed\xa0\x80", b"\n", b"[" * 2000]))
        content = content[:place] + added + content[place:]
    elif damage == "double":
        content += content
    packing = draw(st.sampled_from(["none", "none", "none", "gzip", "cut gzip"]))
    if packing != "none":
        content = gzip.compress(content, mtime=0)
    return content[: -draw(st.integers(1, 12))] if packing == "cut gzip" else content


SUFFIXES = st.sampled_from([".csv", ".txt", ".json", ".parquet", ".csv.gz", ""])
