"""Crystals of any system: a composition first, then a crystal for it from one or more sources.

A composition is drawn from a network that learned those of the data, with everything a user asks
for as hard masks. A source makes a crystal of it: the nearest known prototype, or a writer that is
shown that prototype; the pool takes the one of lowest energy among both.
"""
