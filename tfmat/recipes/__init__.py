"""Published configurations as TOML, one for each, every number with its source."""

from tfmat.recipes.loader import build, fingerprint, names, read, to_mapping

__all__ = ["build", "fingerprint", "names", "read", "to_mapping"]
