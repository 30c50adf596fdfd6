"""Inverse design of inorganic materials with generative adversarial networks.

Two model families share one road from a database to candidates (data, train, export, generate,
evaluate): :mod:`tfmat.ccdcgan` for crystal structures and :mod:`tfmat.matgan` for formulas. What
``dir(tfmat)`` shows is the road in Python, described in docs/python.md::

    import tfmat

    model = tfmat.load("ccdcgan-bi-se")
    structures = model.generate(10, seed=7)

Importing this package imports neither NumPy nor TensorFlow: each name brings what it needs when it
is first used.
"""

import os

# Where spglib finds no symmetry, its C code writes lines among the progress; also for pymatgen.
os.environ.setdefault("SPGLIB_WARNING", "OFF")

__version__ = "0.1.0.dev0"

# In a clone, where `cli` and `saved_models` lie beside this folder, `python -m` puts the clone's
# root before what is installed; then they are found there. An installed tfmat has them inside.
# pathlib takes longer to import than all the rest here.
if not os.path.isdir(os.path.join(__path__[0], "cli")):  # noqa: PTH112, PTH118
    __path__.append(os.path.dirname(__path__[0]))  # noqa: PTH120

# As in typing, whose import takes longer than all the rest here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from tfmat.api import load, load_dataset
    from tfmat.ccdcgan.evaluation import evaluate_reconstruction
    from tfmat.evaluation.formulas.evaluate import evaluate_compositions
    from tfmat.evaluation.hull.above import hull
    from tfmat.evaluation.novelty.evaluate import evaluate_structures, novelty
    from tfmat.relaxation.in_memory import relax

__all__ = [
    "evaluate_compositions",
    "evaluate_reconstruction",
    "evaluate_structures",
    "hull",
    "load",
    "load_dataset",
    "novelty",
    "relax",
]

_MODULES = {
    "evaluate_compositions": "tfmat.evaluation.formulas.evaluate",
    "evaluate_reconstruction": "tfmat.ccdcgan.evaluation",
    "evaluate_structures": "tfmat.evaluation.novelty.evaluate",
    "hull": "tfmat.evaluation.hull.above",
    "load": "tfmat.api",
    "load_dataset": "tfmat.api",
    "novelty": "tfmat.evaluation.novelty.evaluate",
    "relax": "tfmat.relaxation.in_memory",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES and name != "figures":
        raise AttributeError(f"module 'tfmat' has no attribute {name!r}")
    from importlib import import_module

    if name == "figures":
        return import_module("tfmat.figures")

    found = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return list(__all__)
