"""A generator that writes crystals as discrete choices: composition, cell, atoms.

Crystals share parts in the fractional coordinates of their canonical cells (0, 1/2, 1/3 ...). A
network that chooses them one after the other learns these parts by likelihood, and what it must not
choose, such as a place next to another atom, can be forbidden.
"""
