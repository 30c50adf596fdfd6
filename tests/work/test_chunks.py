"""Work in chunks: what is left out when the time is over, and how it is made up for."""

import time

import pytest
from slow_work import int_one, slow_squares, squares

from tfmat.work.chunks import NOT_REACHED, run_chunks


def run(folder, workers=1, work=squares, until=None):
    rows = run_chunks(
        folder, range(10), work, int_one, size=2, workers=workers, description="x", until=until
    )
    return list(rows)


WHOLE = [{"square": task * task, "reason": ""} for task in range(10)]


def test_all_is_computed(tmp_path):
    assert run(tmp_path / "work", until=time.monotonic() + 600) == WHOLE


def test_the_time_is_over(tmp_path):
    first = run(tmp_path / "work", until=time.monotonic() - 1)
    assert first == WHOLE[:2] + [{"reason": NOT_REACHED}] * 8
    # A further chunk each time, and none twice.
    assert run(tmp_path / "work", until=time.monotonic() - 1)[:4] == WHOLE[:4]
    assert run(tmp_path / "work") == WHOLE


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_the_time_of_processes_is_over(tmp_path, seconds):
    rows = run(tmp_path / "work", 2, slow_squares, time.monotonic() + seconds)
    done = [row for row in rows if not row["reason"]]
    assert done
    assert all(row == WHOLE[row_number] for row_number, row in enumerate(rows) if not row["reason"])
    assert {row["reason"] for row in rows} <= {"", NOT_REACHED}
    assert run(tmp_path / "work") == WHOLE
