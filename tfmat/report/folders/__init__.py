"""Folders and files that commands have written, each kind read into a part of a page."""
