"""Published configurations as TOML, one for each, every number with its source."""

from tfmat.recipes.loader import build, names, read, schema, to_mapping

__all__ = ["build", "names", "read", "schema", "to_mapping"]
