"""What a certificate may be used for: key usages, profiles to issue, purposes to check.

China's certificate systems give every party two: one to sign, one to receive keys
(GM/T 0015 5.2.4). Tables and one pure check; reads and writes no certificate.
"""

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from openehc.crypto.certificates.errors import WrongUsage

DIGITAL_SIGNATURE: Final = "digital_signature"
NON_REPUDIATION: Final = "non_repudiation"
KEY_ENCIPHERMENT: Final = "key_encipherment"
DATA_ENCIPHERMENT: Final = "data_encipherment"
KEY_AGREEMENT: Final = "key_agreement"
KEY_CERT_SIGN: Final = "key_cert_sign"
CRL_SIGN: Final = "crl_sign"

SERVER_AUTH: Final = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH: Final = "1.3.6.1.5.5.7.3.2"
TIME_STAMPING: Final = "1.3.6.1.5.5.7.3.8"

_SIGNS: Final = frozenset({DIGITAL_SIGNATURE, NON_REPUDIATION})
_RECEIVES: Final = frozenset({KEY_ENCIPHERMENT, DATA_ENCIPHERMENT, KEY_AGREEMENT})
_ISSUES: Final = frozenset({KEY_CERT_SIGN, CRL_SIGN})


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the extensions of a certificate allow.

    `extended` holds dotted object identifiers, empty when the certificate names none;
    `path_length` counts authorities that may follow, None without a limit.
    """

    usages: frozenset[str]
    extended: frozenset[str] = field(default_factory=frozenset)
    authority: bool = False
    path_length: int | None = None


@unique
class Profile(Enum):
    """The kinds of certificate that the authority issues."""

    ROOT = "root"
    INTERMEDIATE = "intermediate"
    NODE_SIGNING = "node signing"
    NODE_ENCRYPTION = "node encryption"
    PERSON = "person"
    TIMESTAMP = "timestamp"


ALLOWANCES: Final = {
    Profile.ROOT: Allowance(_ISSUES, authority=True),
    Profile.INTERMEDIATE: Allowance(_ISSUES, authority=True, path_length=0),
    Profile.NODE_SIGNING: Allowance(_SIGNS, frozenset({SERVER_AUTH, CLIENT_AUTH})),
    Profile.NODE_ENCRYPTION: Allowance(_RECEIVES),
    Profile.PERSON: Allowance(_SIGNS, frozenset({CLIENT_AUTH})),
    Profile.TIMESTAMP: Allowance(_SIGNS, frozenset({TIME_STAMPING})),
}


@unique
class Purpose(Enum):
    """What somebody wants to rely on a certificate for."""

    SIGNING = "sign messages"
    ENCRYPTION = "receive keys"
    LOGIN = "log in"
    TIMESTAMPING = "sign timestamps"


def require_purpose(allowance: Allowance, purpose: Purpose) -> None:
    """Raise `WrongUsage` unless the extensions allow the purpose.

    A certificate without key usages allows nothing: GM/T 0015 demands them.
    """
    key, extended = allowance.usages, allowance.extended
    if purpose is Purpose.ENCRYPTION:
        allowed = KEY_ENCIPHERMENT in key
    elif purpose is Purpose.TIMESTAMPING:
        # RFC 3161 2.3: a key for timestamps serves nothing else
        allowed = bool(key & _SIGNS) and extended == {TIME_STAMPING}
    elif purpose is Purpose.LOGIN:
        allowed = DIGITAL_SIGNATURE in key and (not extended or CLIENT_AUTH in extended)
    else:
        allowed = bool(key & _SIGNS) and extended != {TIME_STAMPING}
    if not allowed or allowance.authority:
        raise WrongUsage(f"the certificate was not issued to {purpose.value}")
