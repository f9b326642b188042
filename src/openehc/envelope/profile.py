"""Wire profiles: how one family of clients signs and encrypts (材料三 附录A 3.4).

A profile is attached to an application. Every step that differs between dialects
is a method here; opening and sealing only call them in order. This module holds
the national profile; it reads no network and knows no application.
"""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from openehc.crypto.sm3 import sm3_upper
from openehc.crypto.sm4 import EcbCipher, PaddingError
from openehc.kernel.clock import parse_wire_time, wire_time

_MILLISECOND_DIGITS: Final = 13


class UnreadableBiz(ValueError):
    """biz_content does not decrypt under the application's key."""


@dataclass(frozen=True, slots=True, repr=False)
class MessageKeys:
    """An application's secret and its cipher contexts; made once, used by one thread."""

    secret: str
    secret_suffix: bytes
    cipher: EcbCipher

    def __repr__(self) -> str:
        """Nothing of the secret."""
        return "MessageKeys(***)"


class WireProfile(Protocol):
    """The steps in which client families differ."""

    @property
    def name(self) -> str:
        """The name under which an application is registered for this profile."""

    @property
    def digest_kinds(self) -> frozenset[str]:
        """Accepted values of digest_type and sign_type."""

    @property
    def cipher_kinds(self) -> frozenset[str]:
        """Accepted values of enc_type; holds "" when plain messages are let in."""

    @property
    def versions(self) -> frozenset[str]:
        """Accepted values of version."""

    @property
    def digest_kind(self) -> str:
        """The digest_type or sign_type that a sent message names."""

    @property
    def cipher_kind(self) -> str:
        """The enc_type that a sent message names."""

    def prepare(self, secret: str) -> MessageKeys:
        """The keys of an application with this secret."""

    def digest(
        self, fields: Mapping[str, Any], keys: MessageKeys, *, without: Iterable[str]
    ) -> str:
        """The digest over `fields` but those named in `without`."""

    def open_biz(self, text: str, keys: MessageKeys) -> bytes:
        """The JSON bytes inside biz_content; raises `UnreadableBiz`."""

    def seal_biz(self, plain: bytes, keys: MessageKeys) -> str:
        """biz_content for these JSON bytes."""

    def read_timestamp(self, text: str) -> datetime | None:
        """The moment that the text names, in UTC, or None."""

    def write_timestamp(self, moment: datetime) -> str:
        """The text for a moment."""


@dataclass(frozen=True, slots=True)
class NationalProfile:
    """The rule of 材料三 附录A 3.4, proven by its published vectors.

    digest: SM3 over `k=v` joined by `&`, keys in ASCII order, empty values left
    out, `&app_secret=` at the end, over the encrypted biz_content, upper hex.
    body: SM4-ECB with PKCS#7 over the upper hex text of the UTF-8 JSON; the key is
    the first 16 ASCII characters of the upper hex text of the secret.
    """

    name: str = "national"
    digest_kinds: frozenset[str] = field(default=frozenset({"SM3"}))
    cipher_kinds: frozenset[str] = field(default=frozenset({"SM4"}))
    versions: frozenset[str] = field(default=frozenset({"X.M.0.1", "1.0.0"}))
    digest_kind: str = "SM3"
    cipher_kind: str = "SM4"

    def prepare(self, secret: str) -> MessageKeys:
        """The keys of an application with this secret."""
        return MessageKeys(
            secret=secret,
            secret_suffix=f"&app_secret={secret}".encode(),
            cipher=EcbCipher(message_key(secret)),
        )

    def digest(
        self, fields: Mapping[str, Any], keys: MessageKeys, *, without: Iterable[str]
    ) -> str:
        """The digest over `fields` but those named in `without`, 64 upper hex characters."""
        return sm3_upper(joined_fields(fields, without=without).encode() + keys.secret_suffix)

    def open_biz(self, text: str, keys: MessageKeys) -> bytes:
        """The JSON bytes inside biz_content; hex of any case; raises `UnreadableBiz`."""
        try:
            hex_text = keys.cipher.decrypt_padded(bytes.fromhex(text))
            return bytes.fromhex(hex_text.decode("ascii"))
        except (ValueError, PaddingError):
            raise UnreadableBiz from None

    def seal_biz(self, plain: bytes, keys: MessageKeys) -> str:
        """biz_content for these JSON bytes, upper hex."""
        return keys.cipher.encrypt_padded(plain.hex().upper().encode()).hex().upper()

    def read_timestamp(self, text: str) -> datetime | None:
        """14 digits yyyyMMddHHmmss in +08:00, or 13 digits of Unix milliseconds (gaps.md 16)."""
        if len(text) == _MILLISECOND_DIGITS and text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        return parse_wire_time(text)

    def write_timestamp(self, moment: datetime) -> str:
        """YyyyMMddHHmmss in +08:00."""
        return wire_time(moment)


def message_key(secret: str) -> bytes:
    """The SM4 key of a message: 16 ASCII characters (材料三 附录A 3.4.1)."""
    return secret.encode().hex().upper()[:16].encode().ljust(16, b"0")


def joined_fields(fields: Mapping[str, Any], *, without: Iterable[str]) -> str:
    """`k=v` joined by `&` in ASCII order, empty values left out (材料三 附录A 3.4.2)."""
    return "&".join(
        [
            f"{name}={value}"
            for name in sorted(fields)
            if name not in without and (value := fields[name])
        ]
    )


def same_digest(given: str, expected: str) -> bool:
    """Compare in constant time; the case of the hex digits does not matter."""
    return hmac.compare_digest(given.upper().encode(), expected.encode())


NATIONAL: Final = NationalProfile()
