"""What people need from elsewhere."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from openehc.audit.model import Actor
from openehc.crypto.certificates.certificate import Certificate
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


class CertificateCheck(Protocol):
    """Whether a certificate may be relied on to log in, now."""

    def __call__(self, certificate: Certificate) -> None:
        """Nothing when it may; raises `CertificateRefused` by its reason."""
