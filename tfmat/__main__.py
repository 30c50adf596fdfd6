"""``python -m tfmat``: the same as the command ``tfmat``."""

from tfmat.cli.main import main

main()
