"""A clone's root as the working folder: `python -m` takes its `tfmat/` before what is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Without the finder of an editable install, which would find the commands by itself.
WITHOUT_FINDER = (
    "import sys; sys.meta_path = [f for f in sys.meta_path if 'ditable' not in str(f)]; "
    "sys.path.insert(0, ''); import tfmat.cli, tfmat.saved_models as m; "
    "print(tfmat.__file__, tfmat.cli.__file__, m.__path__[0], sep='\\n')"
)


def run(*words):
    ended = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_commands_and_models_are_found_beside_the_package():
    found = [Path(line).resolve() for line in run("-c", WITHOUT_FINDER).splitlines()]
    assert found == [ROOT / "tfmat/__init__.py", ROOT / "cli/__init__.py", ROOT / "saved_models"]


def test_as_a_module():
    assert run("-m", "tfmat", "--version").startswith("tfmat, version ")


@pytest.mark.slow
def test_the_tests_run_as_a_module_of_python():
    """With another tfmat installed, as after `pip install .`: ./tfmat is in its way."""
    script = (
        "import sys; sys.meta_path = [f for f in sys.meta_path if 'ditable' not in str(f)]; "
        "sys.path.insert(0, ''); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    )
    tests = ("tests/cli/test_options.py", "tests/cli/test_models.py", "tests/test_python.py")
    run("-c", script, "-q", "-n", "0", "-p", "no:cacheprovider", "-k", "not docs", *tests)


def test_a_notebook_in_the_root_finds_models_and_data():
    script = (
        "import tfmat; print(len(tfmat.load_dataset('bi-se')), tfmat.load('ccdcgan-bi-se').name)"
    )
    assert run("-c", script).split() == ["4188", "ccdcgan-bi-se"]
