"""Settings that every test shares."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tfmat.training.quiet import prefer_onednn

# The same examples every time, so that a run tells of a change and not of luck; new ones are looked
# for with `HYPOTHESIS_PROFILE=search`.
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("search", derandomize=False)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
# Child processes must import the installed package, as a user's do, not the working folder.
os.environ["PYTHONSAFEPATH"] = "1"
# Two tests at a time on two cores: one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# As in training, also where a test imports TensorFlow itself.
prefer_onednn()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real data files; tests that need it skip where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    path = Path(os.environ.get("TFMAT_DATA", default))
    if not path.is_dir():
        pytest.skip("real data not here; set TFMAT_DATA to their folder")
    return path


@pytest.fixture(autouse=True, scope="session")
def _packages_fit_their_schema() -> Iterator[None]:
    """Checks the metadata of every model package that a test of this process writes."""
    from tfmat.export import package
    from tfmat.inference.metadata import read_metadata
    from tfmat.inference.schema import first_problem

    write = package.write_package

    def write_and_check(*arguments: Any, **options: Any) -> Path:
        folder = write(*arguments, **options)
        assert first_problem(read_metadata(folder)) is None
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "write_package", write_and_check)
        yield


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server of two packages, ``serving.crystals`` and ``serving.formulas``, on both ports."""
    for module in ("tensorflow", "tf2onnx", "grpc", "tensorflow_serving.apis"):
        pytest.importorskip(module)
    from served_packages import serve

    with serve(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(scope="session")
def crystals_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of a generator that writes crystals, with crystal graphs, in all forms."""
    pytest.importorskip("tensorflow")
    pytest.importorskip("tf2onnx")
    import tiny_packages

    from tfmat.export.package import Formats

    folder = tmp_path_factory.mktemp("crystals") / "crystals"
    return tiny_packages.crystals(folder, Formats(saved_model=True, keras=True))


@pytest.fixture(scope="session")
def known_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that generates one known crystal, as ONNX and as SavedModel."""
    pytest.importorskip("tensorflow")
    import known_crystal

    from tfmat.export.package import Formats

    folder = tmp_path_factory.mktemp("known") / "ccdcgan-bi-se-compact"
    return known_crystal.write(folder, Formats(saved_model=True))


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """What drives browsers: two of them in one process stand in each other's way."""
    import browser

    with browser.driver() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(driver: Any) -> Iterator[Any]:
    """A Chromium without a window."""
    import browser

    with browser.chromium(driver) as started:
        yield started
