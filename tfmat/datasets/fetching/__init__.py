"""Structures from databases on the network."""
