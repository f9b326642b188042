"""TLS at the other end of the wire: whom a client trusts, and the certificate that it shows.

Used by the command line and the load generator; opens no connection. The key's password comes
from a prompt or a file, never from the command line.
"""

import ssl
from collections.abc import Callable
from pathlib import Path


class WrongClientFile(ValueError):
    """A certificate, key or authority cannot be used; the text names the file."""


def client_context(
    *, certificate: Path | None = None, key: Path | None = None, authorities: Path | None = None,
    password: Callable[[], str],
) -> ssl.SSLContext:  # fmt: skip
    """TLS 1.2 or later with the server's name checked; raises WrongClientFile.

    `certificate` holds the chain in PEM, the client's own first, and the key too where `key` is
    None. Without `authorities` those of the system count. `password` is asked when the key has one.
    """
    if key and not certificate:
        raise WrongClientFile(f"{key}: a key goes with a certificate")
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (ssl.SSLError, OSError) as error:
        raise WrongClientFile(f"{authorities}: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        try:
            context.load_cert_chain(certificate, key, password=password)
        except (ssl.SSLError, OSError) as error:
            raise WrongClientFile(
                f"{certificate} and {key or 'the key in it'} do not go together, cannot be read, "
                f"or the password is wrong: {error}"
            ) from None
    return context
