"""Datasets: read, select, split, build; one on-disk form that streams and memory-maps."""
