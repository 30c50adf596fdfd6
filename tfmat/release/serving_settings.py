"""How a model package is to be served."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from tfmat.errors import InputError

# The server's versions are int64.
_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Serving:
    """How a package is to be served.

    Args:
        parts: Parts to serve; by default those that generating needs, and the end-to-end graph.
        version: Version that the models get, from 1 to 2**63 - 1. Of several versions the server
            is told to serve this one.
        host: IP address at which the server can be reached from the outside of its container.
        rest_port: Port of the REST interface there.
        grpc_port: Port of the gRPC interface there.
        cpus: Cores that the server may use.

    Raises:
        InputError: A value is not possible.
    """

    parts: Sequence[str] = ()
    version: int = 1
    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500
    cpus: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.version <= _MAX_VERSION:
            raise InputError(f"`version` must be from 1 to {_MAX_VERSION}, not {self.version}")
        if self.rest_port == self.grpc_port:
            raise InputError(f"`rest_port` and `grpc_port` are both {self.rest_port}; give two")
        try:
            ipaddress.ip_address(self.host)
        except ValueError as error:
            raise InputError(
                f"`host` {self.host}: is no IP address; give one of this machine, e.g. 127.0.0.1"
            ) from error
        if "%" in self.host:  # a zone may hold anything, and means nothing elsewhere
            raise InputError(f"`host` {self.host}: give the address without a zone (%...)")
