"""Reads CIF: gemmi splits the text, the files here say what it means."""
