"""Names from metadata: what lies in their folder is found, all else is refused in one line."""

import os

import pytest

from tfmat.errors import InputError
from tfmat.paths import check_tree, inside, plain_file

NAMES = {
    "up": "../victim",
    "up, further in": "weights/../../victim",
    "absolute": "/etc/passwd",
    "home": "~/../victim/..",
    "nothing": "",
    "no part": "weights//a",
    "itself": ".",
    "drive": "C:/victim",
    "stream": "a.txt:hidden",
    "backslash": "..\\victim",
    "null": "a\0b",
    "line end": "a\nb",
    "escape": "\x1b[2J",
    "half a character": "\ud800",
    "long": "a" * 300,
    "long in bytes": "é" * 200,
    "number": 3,
    "none": None,
    "list": ["a"],
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_what_no_file_within_can_be_called(name, tmp_path):
    with pytest.raises(InputError) as caught:
        inside(tmp_path, name, "run.json")
    message = str(caught.value)
    assert message.startswith("run.json: ")
    assert message.isprintable()
    message.encode()


@pytest.mark.parametrize("name", ["a", "weights/a.keras", ".hidden", "é/Bi₂Se₃", "a..b", "x" * 255])
def test_what_lies_within(name, tmp_path):
    assert inside(tmp_path, name, "run.json") == tmp_path / name


def test_links_may_lead_anywhere_within_and_nowhere_else(tmp_path):
    folder = tmp_path / "run"
    (folder / "real").mkdir(parents=True)
    (folder / "real" / "file").write_text("mine")
    (tmp_path / "victim").write_text("precious")
    (folder / "near").symlink_to("real/file")
    (folder / "shelf").symlink_to("real", target_is_directory=True)
    (folder / "far").symlink_to(tmp_path / "victim")
    (folder / "away").symlink_to(tmp_path, target_is_directory=True)
    (folder / "round").symlink_to("round")
    assert inside(folder, "near", "x").read_text() == "mine"
    assert inside(folder, "shelf/file", "x").read_text() == "mine"
    for name in ("far", "away", "away/victim", "round"):
        with pytest.raises(InputError, match=r"link|looked up"):
            inside(folder, name, "x")
    with pytest.raises(InputError, match="is a link"):
        check_tree(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no plain file"):
        inside(tmp_path, "pipe", "x")
    with pytest.raises(InputError, match="no plain file"):
        check_tree(tmp_path)
    assert not plain_file(tmp_path / "pipe")
    assert not plain_file("/dev/zero")
    assert not plain_file("a" * 5000)
    assert not plain_file("a\0")


def test_a_tree_of_files_and_folders_is_fine(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("")
    check_tree(tmp_path)


def test_a_record_that_is_a_link_out_is_refused(tmp_path):
    from oracle import make_package

    from tfmat.datasets.folders import read_record
    from tfmat.inference.metadata import read_metadata

    for name, read in (("package", read_metadata), ("dataset", read_record)):
        folder = tmp_path / name
        if name == "package":
            make_package(folder)
        else:
            folder.mkdir()
            (folder / "metadata.json").write_text("{}", "utf-8")
        (folder / "metadata.json").rename(tmp_path / f"{name}.json")
        (folder / "metadata.json").symlink_to(f"../{name}.json")
        with pytest.raises(InputError, match="a link that leads out of its folder"):
            read(folder)
