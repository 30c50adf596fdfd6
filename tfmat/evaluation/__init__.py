"""Metrics of reconstruction and of generated structures."""
