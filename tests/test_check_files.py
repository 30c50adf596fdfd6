"""What the commit hook refuses; the keys are put together here, so that it lets this file pass."""

from pathlib import Path

import pytest
from programs import program

SCRIPT = Path(__file__).parents[1] / ".ci" / "check_files.py"


@pytest.fixture
def check_files(tmp_path, monkeypatch):
    module = program(SCRIPT)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def test_large_files_only_among_the_saved_models(check_files, tmp_path):
    for name in ("saved_models/a.onnx", "tfmat/a.npy"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(bytes(5_000_001))
    (tmp_path / "fits.npy").write_bytes(bytes(5_000_000))
    names = ["saved_models/a.onnx", "tfmat/a.npy", "fits.npy", "removed.txt"]
    assert list(check_files.problems(names)) == [
        "tfmat/a.npy: 5.0 MB; outside saved_models/ at most 5 MB"
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("-----BEGIN " + "OPENSSH PRIVATE KEY-----", "a private key"),
        ("x = 'AKIA" + "ABCDEFGHIJKLMNOP'", "an AWS access key"),
        ("ghp_" + "a1" * 18, "a GitHub token"),
        ("hf_" + "aB" * 17, "a Hugging Face token"),
        ("MP_API_" + "KEY = '" + "a1b2" * 8 + "'", "a key or password"),
        ('"pass' + 'word": "' + "a1b2" * 8 + '"', "a key or password"),
    ],
)
def test_keys_are_found_with_their_line(check_files, tmp_path, text, what):
    (tmp_path / "a.py").write_text(f"import os\n{text}\n", "utf-8")
    assert list(check_files.problems(["a.py"])) == [f"a.py:2: looks like {what}"]


@pytest.mark.parametrize(
    "text",
    [
        "sha256 = '" + "ab12" * 16 + "'",
        "api_key = os.environ['MP_API_KEY']",
        "headers = {'X-API-KEY': api_key}",
        "api_key='not a real one'",
    ],
)
def test_hashes_and_names_of_keys_are_let_pass(check_files, tmp_path, text):
    (tmp_path / "a.py").write_text(text, "utf-8")
    assert list(check_files.problems(["a.py"])) == []
