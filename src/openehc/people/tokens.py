"""Random values of people: session tokens, captcha and challenge ids, and their hashes.

A token is shown once and kept as its hash; the CSRF value follows from it and is kept nowhere.
"""

import base64
from typing import Final

from openehc.crypto.sm3 import hmac_sm3, sm3
from openehc.kernel.ids import Entropy

_TOKEN_BYTES: Final = 32
_CSRF: Final = b"openehc csrf"


def new_token(entropy: Entropy) -> str:
    """43 characters that can stand in a cookie, 256 bits."""
    return base64.urlsafe_b64encode(entropy.bytes(_TOKEN_BYTES)).rstrip(b"=").decode()


def token_hash(token: str) -> bytes:
    """What is kept of a token, 32 bytes."""
    return sm3(token.encode())


def csrf_of(token: str) -> str:
    """The value that changing requests of a session repeat, 32 hex characters."""
    return hmac_sm3(token.encode(), _CSRF).hex()[:32]


def subject(kind: str, name: str) -> bytes:
    """Under which failed tries are counted, 32 bytes."""
    return sm3(f"{kind}\0{name}".encode())
