import json

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


def test_show_prints_metadata(capsys, models):
    code, stdout, _ = tfmat(capsys, "models", "show", "oracle", "--models-dir", models)
    assert code == 0
    assert json.loads(stdout)["elements"] == ["Bi", "Se"]


def test_verify_finds_damage(capsys, models):
    code, stdout, _ = tfmat(capsys, "models", "verify", models / "oracle")
    assert code == 0
    assert "intact" in stdout
    assert json.loads(tfmat(capsys, "models", "verify", models / "oracle", "--json")[1])["intact"]
    with (models / "oracle" / "constraint.onnx").open("ab") as stream:
        stream.write(b"0")
    code, _, stderr = tfmat(capsys, "models", "verify", models / "oracle")
    assert code == 2
    assert "constraint.onnx" in stderr
    assert len(stderr.splitlines()) == 1
