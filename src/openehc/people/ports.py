"""What people need from elsewhere."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from openehc.audit.model import Actor
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.refusal import Refusal


class Sealing(Protocol):
    """The turn in which values may be sealed: the keys are those in use as long as it lasts."""

    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Enter it before sealing, leave it after the commit. Raises DatabaseDown."""


class KeyedHash(Protocol):
    """A hash under a key that every worker of the node holds."""

    def __call__(self, text: str) -> bytes:
        """16 bytes."""


class Executor(Protocol):
    """Does an act that two people agreed on."""

    async def __call__(
        self, parameters: Mapping[str, Any], *, by: Actor, approved_by: Actor
    ) -> Refusal | None:
        """Do it once, recording it in the audit trail; None when it was done."""


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """With what the platform proves itself to whoever signs in (附录F 4.1 (4), (5))."""

    certificate: Certificate
    key: Sm2PrivateKey = field(repr=False)


class Trust(Protocol):
    """Which certificates may sign in, and the platform's own."""

    async def check(self, certificate: Certificate, *, now: datetime) -> None:
        """Nothing when it may be relied on; raises `CertificateRefused` by its reason."""

    async def server(self) -> ServerIdentity | None:
        """The platform's own; None when none was set up. Raises `CertificateRefused`."""


class GatewayKey(Protocol):
    """What checks the signature of the authenticating gateway."""

    def holds(self, signature: bytes, *, text: bytes) -> bool:
        """Whether the gateway signed this text."""
