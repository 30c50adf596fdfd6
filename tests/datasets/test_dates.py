"""Dates become days and come back; what is no date is refused or unknown, never a wrong day."""

import csv
import datetime
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from monty.json import MontyEncoder

from tfmat.datasets import dates
from tfmat.datasets.importing import ImportOptions, import_dataset
from tfmat.datasets.info import describe, render
from tfmat.datasets.properties import property_value
from tfmat.datasets.store import Dataset
from tfmat.errors import InputError

BETWEEN = {"min_value": datetime.date(1900, 1, 1), "max_value": datetime.date(2199, 12, 31)}


@given(st.dates(**BETWEEN))
def test_dates_come_back(date):
    value = dates.days(date.isoformat())
    assert value == (np.datetime64(date) - np.datetime64("1970-01-01")).astype(int)
    assert dates.iso(value) == date.isoformat()
    if value not in range(1900, 2201):
        assert dates.days(value) == value


@given(
    st.datetimes(datetime.datetime(1900, 1, 2), datetime.datetime(2199, 12, 30)),
    st.integers(-14 * 60, 14 * 60),
)
def test_times_count_in_utc(moment, minutes):
    zone = datetime.timezone(datetime.timedelta(minutes=minutes))
    there = moment.replace(tzinfo=zone)
    expected = there.timestamp() / 86400
    for text in (there.isoformat(), there.isoformat(" ")):
        assert dates.days(text) == pytest.approx(expected, abs=1e-9)
    assert dates.iso(expected) == there.astimezone(datetime.UTC).date().isoformat()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1970-01-01", 0.0),
        ("20180713", 17725.0),
        ("2018-07-13T12:00:00Z", 17725.5),
        ("2018-07-13 12:00:00.000", 17725.5),
        ({"$date": "2018-07-13T00:00:00Z"}, 17725.0),
        ("17725.0", 17725.0),
        (17725, 17725.0),
        (-1.5, -1.5),
    ],
)
def test_ways_to_write_a_date(value, expected):
    assert property_value("created", value) == expected


@pytest.mark.parametrize(
    "value",
    ["2018", 2018, 1531440000, 1531440000000, "yesterday", "2018-13-01", True, {"a": 1}, "inf"],
)
def test_what_is_no_date(value):
    with pytest.raises(InputError, match=r"write it as 2018-07-13"):
        property_value("created", value)


@pytest.mark.parametrize("value", ["", None, "nan", math.nan, "N/A"])
def test_unknown_dates(value):
    assert math.isnan(property_value("created", value))


def test_all_forms_keep_dates(tmp_path, rocksalt, cif):
    moments = ["2018-07-13", "", "2019-01-02T12:00:00", "2020"]
    expected = [17725.0, math.nan, 17898.5, math.nan]
    with (tmp_path / "a.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["cif", "created_at"], *([cif, m] for m in moments)])
    (tmp_path / "a.json").write_text(
        json.dumps([{"structure": rocksalt.as_dict(), "created": m} for m in moments])
    )
    frames = [
        f'1\nLattice="4 0 0 0 4 0 0 0 4" created="{m}" Properties=species:S:1:pos:R:3\nSi 0 0 0\n'
        for m in moments
    ]
    (tmp_path / "a.xyz").write_text("".join(frames))
    for form in ("csv", "json", "xyz"):
        summary = import_dataset(tmp_path / f"a.{form}", tmp_path / form)
        found = Dataset.open(tmp_path / form)
        np.testing.assert_array_equal(found.property("created"), expected)
        assert found.metadata["properties"]["created"]["unit"] == dates.UNIT
        assert summary["properties"]["created"]["not_numbers"] == 1


def test_dates_of_pymatgens_json(tmp_path, rocksalt):
    record = {"structure": rocksalt, "created_at": datetime.datetime(2018, 7, 13, 6)}
    (tmp_path / "a.json").write_text(json.dumps([record], cls=MontyEncoder))
    import_dataset(tmp_path / "a.json", tmp_path / "set")
    assert Dataset.open(tmp_path / "set").property("created").tolist() == [17725.25]


def test_a_wanted_date_that_is_none_rejects_the_row(tmp_path, cif):
    with (tmp_path / "a.csv").open("w", newline="") as stream:
        rows = [["cif", "seen"], [cif, "2018-07-13"], [cif, "soon"]]
        csv.writer(stream).writerows(rows)
    options = ImportOptions(properties={"created": "seen"})
    summary = import_dataset(tmp_path / "a.csv", tmp_path / "set", options)
    assert summary["rejected_by_reason"] == {"broken created": 1}


def test_info_shows_dates(tmp_path, cif):
    with (tmp_path / "a.csv").open("w", newline="") as stream:
        rows = [[cif, f"20{year:02}-02-03"] for year in range(11, 23)]
        csv.writer(stream).writerows([["cif", "created"], *rows])
    import_dataset(tmp_path / "a.csv", tmp_path / "set")
    found = describe(Dataset.open(tmp_path / "set"))
    assert found["properties"]["created"]["earliest"] == "2011-02-03"
    assert found["properties"]["created"]["latest"] == "2022-02-03"
    text = render(found)
    assert "created: 12 known, 2011-02-03 to 2022-02-03, median 2016-08-" in text
