"""Databases made by filling prototypes and relaxing them."""
