"""Progress: plain lines where no terminal is, a bar where one is."""

import contextlib
import io

import pytest

from tfmat.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_carry_count_rate_and_note():
    stream = io.StringIO()
    with Progress("importing", total=4, unit="structure", stream=stream, interval=0.0) as progress:
        for _ in range(4):
            progress.update(note="loss 0.5")
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("importing: 1/4, ")
    assert "structure/s" in lines[0]
    assert lines[-1].startswith("importing: 4/4")
    assert "loss 0.5" in lines[-1]
    assert "\r" not in stream.getvalue()


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_time_left_waits_until_it_means_something(kind, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("tfmat.progress.time.monotonic", lambda: now[0])
    stream = kind()
    progress = Progress("training", total=100, unit="step", stream=stream, interval=0.0)
    # The first step compiles for a minute, each of the others takes two seconds.
    told = []
    for step in range(100):
        now[0] += 60.0 if step == 0 else 2.0
        progress.update()
        told.append(progress.seconds_left())
    progress.close()
    assert told[:3] == [None, None, None]
    # Of 96 steps, after 3 that took 6 s; the first step's minute is in none of it.
    assert told[3] == pytest.approx(96 * 2.0)
    assert told[49] == pytest.approx(50 * 2.0)
    assert told[99] is None
    shown = stream.getvalue()
    if kind is Terminal:
        assert "training: 100%" in shown
    else:
        lines = shown.splitlines()
        assert ["s left" in line for line in lines[:4]] == [False, False, False, True]
        assert "192 s left" in lines[3]


def test_a_resumed_count_starts_where_the_run_was_broken():
    stream = io.StringIO()
    with Progress("training", total=10, initial=6, stream=stream) as progress:
        progress.update(4)
    assert stream.getvalue().startswith("training: 10/10")


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    with Progress("training", total=2, stream=stream) as progress:
        progress.update(2)
    assert "100%" in stream.getvalue()


def test_an_estimate_that_was_passed_is_not_shown():
    stream = io.StringIO()
    with Progress("importing", total=0, stream=stream) as progress:
        progress.update(2)
    assert stream.getvalue().startswith("importing: 2, ")


def test_work_that_fails_at_once_is_silent():
    stream = io.StringIO()
    with contextlib.suppress(ValueError), Progress("importing", total=2, stream=stream):
        raise ValueError
    assert stream.getvalue() == ""
    with contextlib.suppress(ValueError), Progress("importing", total=2, stream=stream) as progress:
        progress.update()
        raise ValueError
    assert stream.getvalue().startswith("importing: 1/2, ")


def test_nothing_to_do_is_nothing_to_tell():
    for stream in (io.StringIO(), Terminal()):
        with Progress("drawing", total=0, stream=stream):
            pass
        assert stream.getvalue() == ""
