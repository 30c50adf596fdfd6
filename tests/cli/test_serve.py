import json

import pytest
from tfmat.cli.main import main

from tfmat.inference.metadata import read_metadata


def tfmat(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def test_help_needs_no_tensorflow(capsys):
    code, stdout, _ = tfmat(capsys, "serve", "--help")
    assert code == 0
    assert "127.0.0.1" in stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--host", "localhost"), "--host localhost: is no IP address"),
        (("--version", str(2**63)), "9223372036854775808 is not in the range"),
        (("--rest-port", "8500"), "--rest-port and --grpc-port are both 8500"),
        ((), "--package nowhere: no such folder and no such package"),
    ],
)
def test_wrong_words_are_one_line(capsys, tmp_path, words, message):
    out = tmp_path / "served"
    code, stdout, stderr = tfmat(capsys, "serve", "--package", "nowhere", "--out", out, *words)
    assert (code, stdout) == (2, "")
    assert message in stderr
    assert len(stderr.splitlines()) == 1
    assert not out.exists()


@pytest.mark.train
def test_package_is_found_by_name_and_served(capsys, tmp_path):
    pytest.importorskip("tensorflow_serving.apis")
    import tiny_packages

    from tfmat.export.package import Formats

    tiny_packages.formulas(tmp_path / "models" / "formulas", Formats(saved_model=True))
    out = tmp_path / "served"
    words = ["serve", "--package", "formulas", "--models-dir", tmp_path / "models", "--out", out]
    code, stdout, stderr = tfmat(capsys, *words, "--part", "generate", "--json")
    assert (code, stderr) == (0, "")
    summary = json.loads(stdout)
    assert summary["models"] == ["formulas-generate"]
    assert (out / "models" / "formulas-generate" / "1" / "saved_model.pb").is_file()
    code, _, stderr = tfmat(capsys, *words)
    assert code == 2
    assert "not empty" in stderr
    code, stdout, _ = tfmat(capsys, *words, "--overwrite", "--version", "3")
    assert code == 0
    assert "version 3 of formulas-generator, formulas-critic, formulas-generate" in stdout
    assert "./smoke.sh" in stdout


@pytest.mark.parametrize("words", [(), ("--overwrite",)])
def test_nothing_is_replaced_but_a_served_folder(capsys, tmp_path, words):
    pytest.importorskip("onnx")
    import oracle

    package = oracle.make_package(tmp_path / "models" / "oracle")
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter").write_text("precious")
    for out, message in (
        (thesis, "has not written" if words else "not empty"),
        (package, "has not written" if words else "not empty"),
        (package / "served", "which is read"),
        (tmp_path / "models", "has not written" if words else "not empty"),
    ):
        code, stdout, stderr = tfmat(capsys, "serve", "--package", package, "--out", out, *words)
        assert (code, stdout) == (2, "")
        assert message in stderr
        assert len(stderr.splitlines()) == 1
    assert (thesis / "chapter").read_text() == "precious"
    assert read_metadata(package)["name"] == "oracle"
