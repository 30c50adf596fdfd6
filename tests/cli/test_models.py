import json
import shutil

import pytest
from tfmat.cli.main import main


def tfmat(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


@pytest.fixture
def models(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    from oracle import make_package

    monkeypatch.chdir(tmp_path)
    make_package(tmp_path / "models" / "oracle")
    return tmp_path / "models"


def test_nothing_found_is_no_failure(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfmat.inference.metadata.packages", lambda _folder: [])
    code, stdout, _ = tfmat(capsys, "models", "list")
    assert code == 0
    assert "no model packages in" in stdout
    assert "tfmat train ccdcgan" in stdout
    assert len(stdout.splitlines()) == 1
    assert json.loads(tfmat(capsys, "models", "list", "--json")[1]) == []


def test_list_names_packages_and_damage(capsys, models):
    broken = models / "broken"
    broken.mkdir()
    (broken / "metadata.json").write_text("{}")
    code, stdout, _ = tfmat(capsys, "models", "list", "--models-dir", models)
    assert code == 0
    lines = {line.split()[0]: line for line in stdout.splitlines()}
    assert "damaged" in lines["broken"]
    assert "ccdcgan" in lines["oracle"]
    assert "Bi-Se" in lines["oracle"]
    rows = json.loads(tfmat(capsys, "models", "list", "--models-dir", models, "--json")[1])
    assert {row["name"] for row in rows} >= {"broken", "oracle"}
    oracle = next(row for row in rows if row["name"] == "oracle")
    assert "sites_decoder" in oracle["parts"]
    assert oracle["folder"] == str(models / "oracle")


def test_equal_names_and_served_folders(capsys, models, tmp_path, monkeypatch):
    monkeypatch.setattr("tfmat.inference.metadata._installed", lambda: [])
    shutil.copytree(models / "oracle", tmp_path / "saved_models" / "oracle")
    served = models / "served"
    served.mkdir()
    metadata = json.loads((models / "oracle" / "metadata.json").read_text("utf-8"))
    (served / "metadata.json").write_text(json.dumps({**metadata, "served": True}), "utf-8")
    words = ("--models-dir", models)
    lines = tfmat(capsys, "models", "list", *words)[1].splitlines()
    assert [line.split()[0] for line in lines] == ["oracle"]
    assert "another one" not in lines[0]  # a copy is none
    changed = tmp_path / "saved_models" / "oracle" / "metadata.json"
    changed.chmod(0o644)
    changed.write_text(changed.read_text("utf-8") + "\n", "utf-8")
    assert "another one: saved_models/oracle" in tfmat(capsys, "models", "list", *words)[1]
    rows = json.loads(tfmat(capsys, "models", "list", *words, "--json")[1])
    assert [(row["name"], row["others"]) for row in rows] == [("oracle", ["saved_models/oracle"])]
    for command in (
        ("models", "verify", served),
        ("generate", "ccdcgan", "--model", served),
        ("serve", "--package", served, "--out", tmp_path / "again"),
    ):
        code, _, stderr = tfmat(capsys, *command)
        assert code == 2
        assert "is a folder of tfmat serve, without ONNX files; give the package oracle" in stderr
    assert tfmat(capsys, "models", "show", served)[0] == 0


def test_words_of_a_foreign_package_command_no_terminal(capsys, models):
    file = models / "oracle" / "metadata.json"
    metadata = json.loads(file.read_text("utf-8"))
    metadata["recipe"]["description"] = "a\x1b[2Jb\nc\x9bd\ud7ff"
    metadata["metrics"] = {"g\x1b": {"l\nm": {"value": 1.0, "unit": "\r", "note": "\x07"}}}
    file.write_text(json.dumps(metadata), "utf-8")
    code, stdout, _ = tfmat(capsys, "models", "show", models / "oracle")
    assert code == 0
    assert all(line.isprintable() for line in stdout.splitlines())
    assert "oracle: a<U+001B>[2Jb c<U+009B>d" in stdout.splitlines()[0]
    assert "README.md" not in stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("models", "show", "oracel"), "MODEL oracel: no such folder and no such package"),
        (("models", "show", ""), "MODEL: is empty; give a name"),
        (("models", "show", "x" * 300), "File name too long"),
        (("models", "show", "no\nsuch"), "MODEL no such: no such folder"),
        (("serve", "--package", "models/oracle", "--part", "", "--out", "o"), "holds no ''"),
    ],
)
def test_names_that_are_none(capsys, models, words, message):
    code, _, stderr = tfmat(capsys, *words)
    assert code == 2
    assert message in stderr
    assert len(stderr.splitlines()) == 1


def test_show_says_what_a_model_is(capsys, models):
    code, stdout, _ = tfmat(capsys, "models", "show", "oracle", "--models-dir", models)
    assert code == 0
    assert "elements  Bi Se" in stdout
    assert "noise 6 → crystal_graph 8×8×1" in stdout
    shown = tfmat(capsys, "models", "show", "oracle", "--models-dir", models, "--json")[1]
    assert json.loads(shown)["elements"] == ["Bi", "Se"]


def test_show_says_whose_data_it_has_learned(capsys, models):
    file = models / "oracle" / "metadata.json"
    metadata = json.loads(file.read_text("utf-8"))
    data = {"license": "CC-BY-4.0", "attribution": ["A (1)", "B (2)"]}
    metadata["dataset"] = {"name": "mine", "sha256": "0" * 64}
    file.write_text(json.dumps(metadata), "utf-8")
    words = ("models", "show", models / "oracle")
    assert "licence" not in tfmat(capsys, *words)[1]
    metadata["dataset"] |= data
    file.write_text(json.dumps(metadata), "utf-8")
    code, stdout, _ = tfmat(capsys, *words)
    assert code == 0
    assert "licence of the data  CC-BY-4.0" in stdout
    assert "attribution          A (1); B (2)" in stdout
    assert json.loads(tfmat(capsys, *words, "--json")[1])["dataset"].items() >= data.items()


def test_verify_finds_damage(capsys, models):
    code, stdout, _ = tfmat(capsys, "models", "verify", models / "oracle")
    assert code == 0
    assert "intact, 6 files, 6 networks of 6 parts run" in stdout
    assert json.loads(tfmat(capsys, "models", "verify", models / "oracle", "--json")[1])["intact"]
    with (models / "oracle" / "constraint.onnx").open("ab") as stream:
        stream.write(b"0")
    code, _, stderr = tfmat(capsys, "models", "verify", models / "oracle")
    assert code == 2
    assert "constraint.onnx" in stderr
    assert len(stderr.splitlines()) == 1


def test_verify_all(capsys, models, monkeypatch):
    monkeypatch.setattr("tfmat.inference.metadata._installed", lambda: [])
    words = ("models", "verify", "--all", "--models-dir", models)
    code, stdout, _ = tfmat(capsys, *words)
    assert (code, len(stdout.splitlines())) == (0, 1)
    # A package that is still being written does not count.
    shutil.copytree(models / "oracle", models / ".oracle.unfinished")
    shutil.copytree(models / "oracle", models / "second")
    (models / "second" / "generator.onnx").unlink()
    code, stdout, stderr = tfmat(capsys, *words)
    assert code == 2
    assert "oracle: intact" in stdout
    assert "generator.onnx is missing" in stdout
    assert "1 of 2 packages damaged: second" in stderr
    reports = json.loads(tfmat(capsys, *words, "--json")[1])
    assert [report["intact"] for report in reports] == [True, False]
    code, _, stderr = tfmat(capsys, "models", "verify")
    assert code == 2
    assert "--all" in stderr


def test_list_says_which_recipe_made_a_package(capsys):
    rows = json.loads(tfmat(capsys, "models", "list", "--json")[1])
    recipes = {row["name"]: row["recipe"] for row in rows}
    assert recipes["ccdcgan-bi-se"] == "ccdcgan-plus"
    assert recipes["matgan-plus-oqmd"] == "matgan-plus"


def test_a_former_name_is_said_in_one_line(capsys):
    code, stdout, stderr = tfmat(capsys, "models", "show", "matgan-oqmd")
    assert code == 0
    assert "matgan-plus-oqmd" in stdout
    assert stderr.count("\n") == 1
    assert "is called matgan-plus-oqmd now" in stderr
