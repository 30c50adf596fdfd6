"""Model packages that ship with tfmat; in an editable install too, which needs this file."""
