"""The chain of each family, imported only when it is asked for."""

from __future__ import annotations

from typing import Any

from tfmat.training.chain import Chain


def chain_of(family: str) -> Chain[Any, Any]:
    """Returns the chain of a family.

    Args:
        family: ``ccdcgan`` or ``matgan``.
    """
    if family == "matgan":
        from tfmat.matgan.chain import MatganChain

        return MatganChain()
    from tfmat.ccdcgan.chain import CcdcganChain

    return CcdcganChain()
