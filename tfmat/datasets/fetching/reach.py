"""Which addresses a fetch may ask: those of its service, and no other because an answer says so."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from tfmat.errors import one_line

_PORTS = {"http": 80, "https": 443}


class Reach:
    """The host of a service, and the addresses elsewhere that the service's own index names.

    Args:
        home: Base address of the service.
    """

    def __init__(self, home: str) -> None:
        self.home = home
        self._beyond: set[str] = set()

    def admit(self, addresses: Iterable[str]) -> None:
        """Lets further services be asked.

        Args:
            addresses: Their base addresses.
        """
        self._beyond |= {address.rstrip("/") for address in addresses}

    def leaves(self, url: str) -> bool:
        """Tells whether an address is on another host or port than the service."""
        try:
            return _place(urlsplit(url)) != _place(urlsplit(self.home))
        except ValueError:
            return True

    def obstacle(self, url: str) -> str | None:
        """Says why an address must not be asked.

        Args:
            url: The address.

        Returns:
            The address, without what may be secret in it, and the reason; ``None`` if it may be.
        """
        try:
            parts, home = urlsplit(url), urlsplit(self.home)
            host, port = _place(parts)
            home_host, home_port = _place(home)
        except ValueError:
            return f"{one_line(url)[:80]!r}, which is no address"
        shown = one_line(f"{parts.scheme}://{host}:{port}{parts.path}")[:120]
        if parts.scheme not in _PORTS or not host:
            return f"{one_line(url)[:80]!r}, which is no address of the web"
        if parts.username is not None or parts.password is not None:
            return f"{shown} with a user and password in it"
        if home.scheme == "https" and parts.scheme == "http":
            return f"{shown}, from https to http"
        upgrade = (home.scheme, parts.scheme) == ("http", "https") and port == 443
        if host == home_host and (port == home_port or (upgrade and home_port == 80)):
            return None
        if any(url == base or url.startswith((f"{base}/", f"{base}?")) for base in self._beyond):
            return None
        return f"{shown}, another host"


def _place(parts: SplitResult) -> tuple[str, int]:
    """Returns host and port; ``ValueError`` if the port is no number."""
    port = parts.port if parts.port is not None else _PORTS.get(parts.scheme, 0)
    return (parts.hostname or "").rstrip("."), port
