"""Secrets of client applications: made, sealed, never shown twice.

A secret leaves the platform once, in the answer to the act that made it. Stores nothing.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.ids import Entropy

SECRET_LENGTH: Final = 32
SECRET_ALPHABET: Final = string.ascii_letters + string.digits + "!#$%()*+,-./:;<=>?@[]^_{|}~"
"""Printable without quotes, backslash, blank and `&`: only 8 characters of a secret become
the message key, so each of them has to carry as much as it can (docs/security.md)."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was just made, and the column that keeps it."""

    app_id: str
    text: str = field(repr=False)
    sealed: bytes = field(repr=False)

    @property
    def columns(self) -> dict[str, Any]:
        """The columns to write."""
        return {"sealed_secret": self.sealed}


@dataclass(frozen=True, slots=True)
class Secrets:
    """Makes and seals secrets; `sealer` gives the sealer of the present keys."""

    sealer: Callable[[], ProfileSealer]
    entropy: Entropy

    def new(self, app_id: str) -> NewSecret:
        """A fresh secret of this application."""
        text = secret_of(self.entropy)
        return NewSecret(app_id, text, self.sealed(app_id, text))

    def sealed(self, app_id: str, text: str) -> bytes:
        """The secret as the database keeps it."""
        row = secret_row(app_id)
        return self.sealer().seal(text.encode(), row=row, entropy=self.entropy).content


def secret_of(entropy: Entropy) -> str:
    """32 characters, each equally likely."""
    letters: list[str] = []
    fair = 256 - 256 % len(SECRET_ALPHABET)
    while len(letters) < SECRET_LENGTH:
        drawn = entropy.bytes(2 * SECRET_LENGTH)
        letters += [SECRET_ALPHABET[b % len(SECRET_ALPHABET)] for b in drawn if b < fair]
    return "".join(letters[:SECRET_LENGTH])


def secret_row(app_id: str) -> bytes:
    """The identity under which an application's secret is sealed."""
    return b"applications.sealed_secret:" + app_id.encode()
