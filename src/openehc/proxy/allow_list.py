"""The allow-list in a worker's memory, swapped as a whole whenever it changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from openehc.proxy.model import Address, Caller, Network


@dataclass(slots=True)
class AllowList:
    """Callers by the fingerprint of their key."""

    _callers: dict[bytes, Caller] = field(default_factory=dict)
    _networks: tuple[Network, ...] = ()

    def replace(self, callers: Iterable[Caller]) -> None:
        """Serve these from now on."""
        self._callers = {caller.fingerprint: caller for caller in callers}
        networks = {
            network
            for caller in self._callers.values()
            if caller.revoked_at is None
            for network in caller.networks
        }
        self._networks = tuple(networks)

    def caller(self, fingerprint: bytes) -> Caller | None:
        """The caller with this key, revoked or not."""
        return self._callers.get(fingerprint)

    def expects(self, source: Address) -> bool:
        """Whether any caller may come from there: others are not even read."""
        return any(source in network for network in self._networks)
