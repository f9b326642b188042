"""The one error language: a use case that says no returns a `Refusal`.

This module does not know return codes: `gateway/reply.py` alone maps a `Reason`
to the wire. Unexpected trouble is an exception, never a `Refusal`.

    PlatformError
    ├── DatabaseDown        the database cannot be reached or lost the connection
    ├── DatabaseFault       the database refused a statement
    └── CryptoModuleDown    the crypto module (密码模块) does not answer
"""

from dataclasses import dataclass
from enum import Enum, unique


@unique
class Reason(Enum):
    """Why a request is refused, in the language of the platform."""

    # the message
    EMPTY_BODY = "empty body"
    UNREADABLE_MESSAGE = "unreadable message"
    APP_ID_MISSING = "app_id missing"
    TERM_ID_MISSING = "term_id missing"
    VERSION_UNSUPPORTED = "version unsupported"
    METHOD_MISSING = "method missing"
    METHOD_UNKNOWN = "method unknown"
    CIPHER_UNKNOWN = "enc_type unknown"
    DIGEST_KIND_UNKNOWN = "digest_type unknown"
    APP_UNKNOWN = "application unknown"
    TERMINAL_UNKNOWN = "terminal unknown"
    NOT_GRANTED = "application holds no grant"
    NETWORK_FORBIDDEN = "application comes from another network"
    CERTIFICATE_FORBIDDEN = "application shows none of its certificates"
    RATE_EXCEEDED = "more requests a second than allowed"
    QUOTA_USED = "more requests a day than allowed"
    DIGEST_WRONG = "digest absent or wrong"
    UNDECRYPTABLE = "undecryptable"
    TIMESTAMP_STALE = "timestamp outside the window"
    FIELDS_WRONG = "fields wrong"
    # serial numbers
    SERIAL_REPEATED = "serial number used before"
    SERIAL_IN_FLIGHT = "serial number is being worked on"
    # cards
    CARD_UNKNOWN = "no such card"
    NAME_CONFLICT = "the document is registered under another name"
    IDENTITY_WRONG = "identity data contradict each other"
    CARD_CLOSED = "card closed"
    CARD_BLACKLISTED = "card black-listed"
    CARD_NOT_ACTIVE = "card prepared but not yet active"
    CARD_MERGED = "card merged into another of the same person"
    # codes
    CODE_MALFORMED = "code malformed"
    CODE_NOT_ISSUED = "code was never issued here"
    CODE_EXPIRED = "code expired"
    VALID_MISSING = "VALID missing"
    VALID_WRONG = "VALID undecipherable"
    FOREIGN_CODE = "code of another node"
    SUPPLEMENT_REQUIRED = "static code needs supplementary identification"
    AUTHORISATION_UNKNOWN = "no such authorisation"
    # registers and people, as the console meets them
    RECORD_UNKNOWN = "no such record"
    RECORD_EXISTS = "the record exists already"
    RECORD_CHANGED = "somebody changed the record meanwhile"
    STATE_FORBIDS = "the record's state forbids it"
    INPUT_WRONG = "input wrong"
    OUT_OF_SCOPE = "outside the actor's reach"
    APPROVAL_NEEDED = "a second person has to approve"
    SIGN_IN_REFUSED = "sign-in refused"
    CAPTCHA_NEEDED = "a captcha has to be solved"
    TOTP_NEEDED = "the code of the authenticator is needed"
    TOO_MANY_TRIES = "too many failed tries"
    LOOKS_TOO_MANY = "one person looks at too many residents"
    # parts of the platform that do not answer
    DATABASE_DOWN = "database down"
    DATABASE_FAULT = "database refused"
    CRYPTO_MODULE_DOWN = "crypto module down"
    OVERLOADED = "too many requests wait"
    INTERNAL = "internal error"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of an input: its name, and why in both languages."""

    field: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A decided no.

    `detail` is one Chinese sentence for the operator; it names fields and says
    what to do, and never holds personal data, secrets or whole codes. The console
    shows `detail_en` beside it and lists `faults`; the gateway knows neither.
    """

    reason: Reason
    detail: str = ""
    detail_en: str = ""
    faults: tuple[Fault, ...] = ()


class PlatformError(Exception):
    """A part of the platform failed; carries no personal data."""


class DatabaseDown(PlatformError):
    """The database cannot be reached; heals by itself once it answers again."""


class DatabaseFault(PlatformError):
    """The database answered, and refused the statement."""


class CryptoModuleDown(PlatformError):
    """The crypto module (密码模块) does not answer or answers nonsense."""
