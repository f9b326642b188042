"""TLS in the node itself: the certificate and key that its workers show (材料三 附录A 3.1).

TLS 1.2 and 1.3 only (材料一 9.6). Files are read when a worker starts, so a renewed
certificate takes new workers: SIGHUP starts them and lets the old ones answer what they have
begun. National TLS (TLCP) needs a terminator in front.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn


class WrongCertificate(ValueError):
    """Certificate or key cannot be used; the text names the file."""


class _Locked(Exception):
    """The key wants a password, and nobody is there to type one."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a worker shows; `certificate` holds the chain in PEM, the node's own first.

    Raises WrongCertificate.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (certificate, key):
        if not path.is_file():
            raise WrongCertificate(f"{path}: no such file")

    def locked() -> str:
        raise _Locked

    try:
        context.load_cert_chain(certificate, key, password=locked)
    except _Locked:
        raise WrongCertificate(
            f"{key}: the key has a password; give one without, readable for the node alone"
        ) from None
    except (ssl.SSLError, OSError) as error:
        raise WrongCertificate(
            f"{certificate} and {key} do not go together or cannot be read: {error}"
        ) from None
    return context


@dataclass(frozen=True, slots=True)
class ContextFactory:
    """Makes the context in each worker; travels there, so it holds paths and no key."""

    certificate: Path
    key: Path

    def __call__(
        self, _config: uvicorn.Config, _usual: Callable[[], ssl.SSLContext]
    ) -> ssl.SSLContext:
        """The context of `server_context`, which knows the versions to refuse."""
        return server_context(self.certificate, self.key)


def unchecked_context() -> ssl.SSLContext:
    """For asking oneself over loopback whether one is ready: the name there is another one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
