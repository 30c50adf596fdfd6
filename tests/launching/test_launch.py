"""What a launch does, with an engine that makes shards in this process."""

from contextlib import contextmanager
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write
from tfmat.cli.main import main
from toy_formulas import sampler

from tfmat.errors import InputError, TfmatError
from tfmat.launching import running
from tfmat.launching.launch import launch
from tfmat.launching.running import Ended, Task, last_line, run_shard
from tfmat.launching.with_parsl import parsl_engine
from tfmat.matgan.generating.results import Amount, generate_into
from tfmat.work.shards import Shard

AMOUNT = Amount(30_000, unique=True)
WORDS = ["generate", "matgan", "-n", "30000"]


class Engine:
    """Makes shards here; what a shard's tries end with before may be said for each."""

    def __init__(self, **ends):
        self.ends = {int(index.removeprefix("shard")): list(codes) for index, codes in ends.items()}
        self.begun = []

    @contextmanager
    def __call__(self, folder):
        self.folder = folder
        yield self.submit

    def submit(self, tasks):
        for task in tasks:
            self.begun.append(task.number)
            Path(task.log).write_text(f"try\ntfmat: shard {task.number} went wrong\n", "utf-8")
            if codes := self.ends.get(task.number):
                yield task, Ended(codes.pop(0), last_line(Path(task.log)))
                continue
            generate_into(Path(task.place), sampler(), AMOUNT, Shard(task.number, task.of))
            yield task, Ended(0, "")


@pytest.fixture
def whole(tmp_path):
    generate_into(tmp_path / "whole.csv", sampler(), AMOUNT)
    return (tmp_path / "whole.csv").read_bytes()


def test_shards_that_fail_are_tried_again(tmp_path, whole, capsys):
    engine = Engine(shard1=[1], shard3=[1, -9])
    merged = launch(WORDS, tmp_path / "out.csv", 3, engine)
    assert sorted(engine.begun) == [1, 1, 2, 3, 3, 3]
    assert (tmp_path / "out.csv").read_bytes() == whole
    assert merged.shards == 3
    assert "shards: 3/3" in capsys.readouterr().err
    assert {p.name for p in tmp_path.iterdir()} == {
        "whole.csv", "whole.csv.json", "out.csv", "out.csv.json",
    }  # fmt: skip


def test_what_is_done_is_kept(tmp_path, whole):
    out = tmp_path / "out.csv"
    with pytest.raises(
        TfmatError, match=r"^shard 2/3 failed 3 times: .*shard 2 went wrong \(all"
    ) as e:
        launch(WORDS, out, 3, Engine(shard2=[1, 1, 1]))
    assert e.value.exit_code == 1
    assert not out.exists()
    with pytest.raises(InputError, match="unfinished work with other settings"):
        launch([*WORDS, "--seed", "1"], out, 3, Engine())
    engine = Engine()
    launch(WORDS, out, 3, engine)
    assert engine.begun == [2]
    assert out.read_bytes() == whole


def test_a_mistake_is_not_tried_again(tmp_path):
    engine = Engine(shard1=[2])
    with pytest.raises(InputError, match=r"^shard 1 went wrong$"):
        launch(WORDS, tmp_path / "out.csv", 3, engine)
    assert engine.begun == [1]


def test_what_is_there_is_not_replaced_after_hours(tmp_path, whole):
    engine = Engine()
    with pytest.raises(InputError, match="is there already"):
        launch(WORDS, tmp_path / "whole.csv", 3, engine)
    assert engine.begun == []
    launch(WORDS, tmp_path / "whole.csv", 3, engine, overwrite=True)
    assert (tmp_path / "whole.csv").read_bytes() == whole


def test_a_shard_that_another_process_makes_is_waited_for(tmp_path, monkeypatch):
    place, calls = tmp_path / "1.csv", []

    class Done:
        returncode = 2

    def run(words, stdout, **_):
        calls.append(words)
        stdout.write(b"tfmat: 1.csv: another process is writing there (...)\n")
        return Done()

    def sleep(seconds):
        generate_into(place, sampler(), AMOUNT, Shard(1, 2))

    monkeypatch.setattr(running.subprocess, "run", run)
    monkeypatch.setattr(running.time, "sleep", sleep)
    task = Task(["generate"], 1, 2, str(place), str(tmp_path / "log"), str(tmp_path))
    assert run_shard(task) == Ended(0, "")
    assert run_shard(task) == Ended(0, "")
    assert len(calls) == 1


@contextmanager
def processes(folder):
    """An engine that runs each shard as a process, one after the other."""
    yield lambda tasks: ((task, run_shard(task)) for task in tasks)


def test_shards_of_a_relaxation_are_processes(tmp_path, monkeypatch, capsys):
    frames = [bulk("Cu", "fcc", a=3.5 + 0.01 * place, cubic=True) for place in range(33)]
    write(tmp_path / "copper.extxyz", frames, format="extxyz")
    monkeypatch.setattr("tfmat.launching.with_parsl.parsl_engine", lambda file: processes)
    monkeypatch.chdir(tmp_path)
    words = ["relax", "copper.extxyz", "--potential", "emt", "--steps", "0", "--cache", "cache"]
    for line in (
        ["launch", "--config", "none.py", "--shards", "2", "--", *words, "--out", "out/copper"],
        [*words, "--out", "whole/copper", "--no-figures"],
    ):
        with pytest.raises(SystemExit) as end:
            main(line)
        assert end.value.code == 0
    assert "2 shards of tfmat relax in out/copper" in capsys.readouterr().out
    content = [
        {file.relative_to(name): file.read_bytes() for file in name.rglob("*") if file.is_file()}
        for name in (tmp_path / "out", tmp_path / "whole")
    ]
    assert content[0] == content[1]


def test_a_process_that_fails_says_why(tmp_path):
    task = Task(
        ["generate", "matgan", "--model", "nowhere", "--out", "a.csv"],
        1, 2, str(tmp_path / "a.csv"), str(tmp_path / "log"), str(tmp_path),
    )  # fmt: skip
    code, said = run_shard(task)
    assert code == 2
    assert said.startswith("tfmat: --model nowhere: no such folder")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["models", "list"], "tfmat models list has no --shard"),
        (["evaluate", "hull", "bi-se"], "tfmat evaluate hull has no --shard"),
        (["generate", "matgan"], "give it --out, where the whole goes"),
        (["generate", "matgan", "--out", "a.csv", "--shard", "1/2"], "leave out its --shard"),
        (["generate", "matgan", "--out", "a.csv", "--bad"], "No such option"),
        (["generate", "mtgan"], "no such command 'mtgan' (did you mean matgan?)"),
        (["generate", "matgan", "--out", "a.csv"], "--config missing.py: no such file"),
    ],
)
def test_words_are_checked_before_anything_begins(command, message, capsys, monkeypatch):
    monkeypatch.setattr(
        "tfmat.launching.with_parsl.require", lambda *_: type("", (), {"Config": int})
    )
    with pytest.raises(SystemExit) as end:
        main(["launch", "--config", "missing.py", "--shards", "2", "--", *command])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config = ", "fails (SyntaxError: "),
        ("1 / 0", "fails (ZeroDivisionError: division by zero); mend it"),
        ("other = 1", "makes no parsl.Config called config"),
    ],
)
def test_a_configuration_that_is_none(tmp_path, text, message, monkeypatch):
    monkeypatch.setattr(
        "tfmat.launching.with_parsl.require", lambda *_: type("", (), {"Config": int})
    )
    (tmp_path / "config.py").write_text(text, "utf-8")
    with pytest.raises(InputError) as error:
        parsl_engine(tmp_path / "config.py")
    assert message in str(error.value)
