"""One-time codes of an authenticator (RFC 6238) and recovery codes: pure, told the time.

Whether a code was used before is the store's to say: `step_of` names the time step.
"""

import base64
import hmac
from datetime import datetime
from typing import Final

import pyotp

from openehc.crypto.sm3 import sm3
from openehc.kernel.ids import Entropy

STEP_SECONDS: Final = 30
DRIFT: Final = 1
"""Steps that the clock of a phone may be off, either way."""

ISSUER: Final = "OpenEHC"
_SECRET_BYTES: Final = 20
_DIGITS: Final = 6
RECOVERY_CODES: Final = 8
_RECOVERY_BYTES: Final = 10


def new_secret(entropy: Entropy) -> str:
    """A base32 secret of 160 bits (RFC 4226 4)."""
    return base64.b32encode(entropy.bytes(_SECRET_BYTES)).decode()


def enrolment_link(secret: str, *, login: str, node: str) -> str:
    """The otpauth link that an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=f"{login}@{node}", issuer_name=ISSUER)


def step_of(code: str, *, secret: str, now: datetime) -> int | None:
    """The time step whose code this is, within the drift; None when it is none."""
    if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
        return None
    present = int(now.timestamp()) // STEP_SECONDS
    generator = pyotp.TOTP(secret)
    found = None
    for step in range(present - DRIFT, present + DRIFT + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def new_recovery_codes(entropy: Entropy) -> tuple[str, ...]:
    """Codes for somebody who lost the phone, 80 bits each; each works once."""
    return tuple(
        base64.b32encode(entropy.bytes(_RECOVERY_BYTES)).decode().lower()
        for _ in range(RECOVERY_CODES)
    )


def recovery_hash(code: str) -> str:
    """What is kept of a recovery code; 80 random bits need no slow hash."""
    return sm3(code.strip().lower().replace("-", "").encode()).hex()
