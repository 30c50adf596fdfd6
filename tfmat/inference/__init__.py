"""Model packages and how to run them with ONNX Runtime, without TensorFlow.

``load`` finds a package by name or folder and checks its files; :class:`ModelPackage` runs its
parts. What generates with one is in the families: :mod:`tfmat.ccdcgan.generate` and
:mod:`tfmat.matgan.generating.generate`.
"""

from tfmat.inference.metadata import find, packages, search_folders
from tfmat.inference.package import ModelPackage, NetworkSet, load
from tfmat.inference.threads import available_threads

__all__ = [
    "ModelPackage",
    "NetworkSet",
    "available_threads",
    "find",
    "load",
    "packages",
    "search_folders",
]
