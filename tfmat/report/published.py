"""What the papers that tfmat ports have measured, to stand beside what a page shows."""

from __future__ import annotations

# Of structures. T. Long et al., npj Comput. Mater. 7, 66 (2021), Results: of 13,000 crystal graphs
# of Bi-Se 3,743 became structures (CCDCGAN), 3,556 of them below 0 eV/atom, 307 stable and 1,910
# metastable, 511 distinct. T. Long et al., preprint on multicomponent systems, its text: 9,160 of
# 50,000, and of 493 relaxed 87.4% changed by less than 0.2 eV/atom.
_STRUCTURES = {
    "structures": "Long 2021: 28.8%; multicomponent: 18.3%",
    "negative": "Long 2021, DFT: 95.0%",
    "stable": "Long 2021, DFT: 8.2%",
    "metastable": "Long 2021, DFT: 51.0%",
    "small_change": "Long, multicomponent, DFT: 87.4%",
    "unique_and_novel": "Long 2021: 13.7%",
}
# Of formulas. Y. Dan et al., npj Comput. Mater. 6, 84 (2020), Figs. 4a and 5a: the generator that
# learned from ICSD_filter, two million formulas; 340,000 for the share of different ones (ICSD).
_FORMULAS = {
    "neutral": "Dan 2020: 92.1%",
    "balanced": "Dan 2020: 84.5%",
    "unique": "Dan 2020, of 340,000: 73.1%",
}


def published(metric: str, *, of_crystals: bool) -> str:
    """Returns what a paper has measured, in a few words; nothing where no paper has.

    Other systems, data and energies: it says where one stands, and is no line to beat.

    Args:
        metric: Name of a metric.
        of_crystals: Whether it is of structures; else it is of formulas.
    """
    return (_STRUCTURES if of_crystals else _FORMULAS).get(metric, "")
