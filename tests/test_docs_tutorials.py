"""Tutorials and README are run as they stand, and print what they show."""

import doc_commands
import pytest

PAGES = [doc_commands.ROOT / "README.md", *doc_commands.TUTORIALS]


def check(page, folder, *, slow):
    ran = 0
    for block, printed in doc_commands.walk(page, folder, slow=slow):
        ran += 1
        if block.output is not None:
            wrong = doc_commands.agree(block.output, printed)
            assert wrong is None, f"{page.name} shows\n{wrong}\nbut there is printed\n{printed}"
    return ran


# Two of them relax a hundred structures where CHGNet is installed.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_prints_what_it_shows(page, tmp_path):
    assert check(page, tmp_path, slow=False) >= 2


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_with_what_takes_minutes(page, tmp_path):
    if not any(block.slow for block in doc_commands.blocks(page)):
        pytest.skip("all of it is run without -m slow")
    check(page, tmp_path, slow=True)


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        ("96 of 100 kept\nmean -0.147 eV/atom\n", True),
        ("94 of 100 kept\nmean -0.15 eV/atom\n", True),
        ("...\nmean -0.147 eV/atom\n", True),
        ("96 of 100 kept\n...\n", True),
        ("96 of 100 kept\n", False),
        ("60 of 100 kept\n...\n", False),
        ("96 of 100 left\n...\n", False),
        ("96 of 100 kept\nmean 0.147 eV/atom\n", False),
        ("...\nmean -0.147 eV/atom\nmore\n", False),
    ],
)
def test_words_are_compared_exactly_and_numbers_nearly(shown, same):
    printed = "96 of 100 kept\nmean -0.147 eV/atom\n"
    assert (doc_commands.agree(shown, printed) is None) is same
