"""The click commands of the ``tfmat`` console script: a thin layer over the package."""
