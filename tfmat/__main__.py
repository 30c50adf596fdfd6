"""``python -m tfmat``: the same as the command ``tfmat``."""

from importlib import import_module

# By name: the commands lie beside this folder in a clone, in it when installed.
import_module("tfmat.cli.main").main()
