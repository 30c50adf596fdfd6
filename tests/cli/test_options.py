import click
import pytest
from tfmat.cli.main import main
from tfmat.cli.options import Elements, all_symbols

COMMANDS = [
    ["generate", "ccdcgan", "--model", "m", "--out", "o", "--symprec"],
    ["screen", "s", "--out", "o", "--tolerance"],
    ["data", "info", "bi-se", "--max-length"],
    ["data", "build", "bi-se", "--out", "o", "--fmax"],
    ["evaluate", "reconstruction", "bi-se", "--max-length"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_numbers_must_be_finite(words, value, capsys):
    with pytest.raises(SystemExit) as end:
        main([*words, value])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert f"'{words[-1]}': {value} is not a finite number" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["data", "import", "a.csv", "--out", "o", "--limit"],
        ["data", "split", "bi-se", "--out", "o", "--seed"],
        ["generate", "ccdcgan", "--out", "o", "-n"],
        ["relax", "s", "--out", "o", "--workers"],
    ],
    ids=" ".join,
)
def test_whole_numbers_must_fit_into_64_bits(words, capsys):
    with pytest.raises(SystemExit) as end:
        main([*words, str(2**63)])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "9223372036854775808 is larger than 9,223,372,036,854,775,807" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["generate", "ccdcgan", "--threads", "5000"], "'--threads': 5000 is not in the range"),
        (["train", "matgan", "--out", "o", "--threads", "0"], "'--threads': 0 is not in the range"),
        (["train", "matgan", "--out", "o", "--minutes", "nan"], "nan is not a finite number"),
        (["generate", "ccdcgan", "--n-elements", "3-2"], "begins with the larger number"),
        (["screen", "made", "--out", "o", "--seed", "3"], "--seed is for --model; leave it out"),
        (["screen", "made", "--out", "o", "-n", "3"], "-n is for --model; leave it out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_out_of_range_or_without_effect(words, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_an_index_beyond_the_noise_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main(["generate", "ccdcgan", "--model", "m", "--out", "o", "--first", str(2**64)])
    assert end.value.code == 2
    assert "'--first'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("models", "list"),
        ("models", "show", "m"),
        ("models", "verify", "m"),
        ("generate", "ccdcgan", "--out", "o"),
        ("generate", "matgan", "--out", "o.csv"),
        ("screen", "--model", "m", "--out", "o"),
        ("evaluate", "reconstruction", "bi-se"),
        ("serve", "--package", "m", "--out", "o"),
        ("predict", "--package", "m", "--url", "http://127.0.0.1:1"),
    ],
    ids=" ".join,
)
def test_a_mistyped_folder_of_models_is_refused(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([*words, "--models-dir", "modles"])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "'--models-dir': Directory 'modles' does not exist" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("group", ["train", "generate", "evaluate", "models"])
def test_the_list_of_commands_cuts_no_sentence(group, capsys):
    with pytest.raises(SystemExit):
        main([group, "--help"])
    assert "..." not in capsys.readouterr().out.split("Commands:")[1]


def test_elements_in_any_case_and_separation():
    kind = Elements()
    assert kind.convert("pb,TL cd, ,Pb", None, None) == ("Pb", "Tl", "Cd")
    assert kind.convert("Bi-Se", None, None) == ("Bi", "Se")
    assert all_symbols((("Pb", "Tl"), ("Tl", "O"))) == ("Pb", "Tl", "O")
    with pytest.raises(click.BadParameter, match="names no element"):
        kind.convert(", ,", None, None)
