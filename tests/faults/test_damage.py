"""Every kind of file that tfmat writes, damaged in every way: nothing wrong is taken for right.

Each case ends as one of: ``right`` (the same result as of the whole file), ``refused`` (one line),
``said`` (another result, and a line that says why). It must never be ``silent`` (another result and
no word), ``crashed`` (a traceback), nor change anything outside.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("keras")
pytest.importorskip("onnx")
sys.path.insert(0, str(Path(__file__).parent))

from corruption import DAMAGES, VICTIM, attempt, copied, gone
from subjects import SUBJECTS

SEED = 20
SHORT, LONG = 12, 60


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def subjects(place):
    made = {}

    def get(name):
        if name not in made:
            folder = place / name.replace(" ", "-")
            folder.mkdir()
            made[name] = SUBJECTS[name](folder)
        return made[name]

    return get


def judge(subject, name, number, place):
    """Damages a copy in the way of one number (``None``: in none) and says what became of it."""
    chance = random.Random(f"{SEED} {name} {number}")
    damage, inner = chance.choice(DAMAGES), chance.choice(subject.files())
    scratch = place / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "outside").mkdir(parents=True)
    VICTIM.file = scratch / "outside" / "victim"
    VICTIM.file.write_text("precious")
    copy = copied(subject.path, scratch / subject.path.name)
    if number is not None:
        damage(copy / inner if inner.parts else copy, chance)
    (scratch / "work").mkdir()
    outcome = attempt(lambda: subject.read(copy, scratch / "work"))
    where = f"{name} {number}: {damage.__name__} of {inner}"
    assert VICTIM.file.read_text() == "precious", where
    assert [path.name for path in VICTIM.file.parent.iterdir()] == ["victim"], where
    missing = damage is gone and inner.name in subject.optional
    return outcome, where, missing


def kinds(subject, name, numbers, place):
    """Returns how the cases of some numbers ended, and those that must not end so."""
    whole, *_ = judge(subject, name, None, place)
    assert not whole.crash
    assert whole.result is not None, whole.said
    assert judge(subject, name, None, place)[0] == whole
    found, bad = Counter(), []
    for number in numbers:
        outcome, where, missing = judge(subject, name, number, place)
        known = outcome.said or missing or not subject.verified
        if outcome.crash:
            kind = "crashed"
        elif outcome.result is None:
            kind = "refused"
        elif outcome.result == whole.result:
            kind = "right"
        else:
            kind = "said" if known else "silent"
        found[kind] += 1
        if kind in ("crashed", "silent"):
            bad.append(f"{kind}: {where}: {outcome.crash}")
    return found, bad


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SUBJECTS)
def test_damage_is_never_taken_for_right(name, subjects, place):
    found, bad = kinds(subjects(name), name, range(SHORT), place)
    assert not bad, "\n".join(bad)
    assert found["refused"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SUBJECTS)
def test_damage_is_never_taken_for_right_at_length(name, subjects, place, record_property):
    found, bad = kinds(subjects(name), name, range(SHORT, LONG), place)
    print(f"{name}: {dict(found)}")  # noqa: T201
    record_property("outcomes", dict(found))
    assert not bad, "\n".join(bad)
