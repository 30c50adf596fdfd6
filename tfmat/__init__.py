"""Inverse design of inorganic materials with generative adversarial networks.

Two model families share one road from a database to candidates (data, train, export, generate,
evaluate): :mod:`tfmat.ccdcgan` for crystal structures and ``matgan`` for compositions. Importing
this package imports neither TensorFlow nor pymatgen; each submodule brings what it needs.
"""

import os

# Where spglib finds no symmetry, its C code writes lines among the progress; also for pymatgen.
os.environ.setdefault("SPGLIB_WARNING", "OFF")

__version__ = "0.1.0.dev0"
