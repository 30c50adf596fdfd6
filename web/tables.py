"""Writes web/src/ziggurat.json: the tables by which NumPy draws normal numbers.

The normal density is cut into 256 strips of one area (Marsaglia and Tsang, "The ziggurat method for
generating random variables", Journal of Statistical Software 5, 8, 2000); NumPy uses the same cut
with integers of 52 and 23 bits. They are computed here with 60 digits, since the last bit counts.

    python web/tables.py
"""

import itertools
import json
from pathlib import Path

import mpmath
import numpy as np

# Where the tail begins, for 256 strips.
TAIL = mpmath.mpf("3.6541528853610087963519472518")
STRIPS = 256


def tables(bits: int) -> tuple[list[int], list[mpmath.mpf], list[mpmath.mpf]]:
    """Returns bounds, widths and heights of the strips for integers of so many bits."""
    whole = mpmath.mpf(2) ** bits

    def density(x: mpmath.mpf) -> mpmath.mpf:
        return mpmath.exp(-x * x / 2)

    beyond = mpmath.sqrt(mpmath.pi / 2) * mpmath.erfc(TAIL / mpmath.sqrt(2))
    area = TAIL * density(TAIL) + beyond
    edges = [TAIL]
    while len(edges) < STRIPS - 1:
        edges.append(mpmath.sqrt(-2 * mpmath.log(area / edges[-1] + density(edges[-1]))))
    edges = edges[::-1]  # of strips 1 to 255
    base = area / density(TAIL)
    bounds = [TAIL / base * whole, mpmath.mpf(0)]
    bounds += [low / high * whole for low, high in itertools.pairwise(edges)]
    widths = [base / whole, *(edge / whole for edge in edges)]
    heights = [mpmath.mpf(1), *(density(edge) for edge in edges)]
    return [int(mpmath.nint(bound)) for bound in bounds], widths, heights


def main() -> None:
    """Writes the tables."""
    mpmath.mp.dps = 60
    out = {}
    for name, bits, number in (("double", 52, np.float64), ("single", 23, np.float32)):
        bounds, widths, heights = tables(bits)
        out[name] = {
            "bounds": [str(bound) for bound in bounds] if bits > 32 else bounds,
            "widths": [float(number(str(value))) for value in widths],
            "heights": [float(number(str(value))) for value in heights],
        }
    file = Path(__file__).parent / "src" / "ziggurat.json"
    file.write_text(json.dumps(out) + "\n", "utf-8")


if __name__ == "__main__":
    main()
