"""How a caller and the front proxy agree on a session: both prove their SM2 key (材料一 9.5).

    caller -> proxy   hello: fingerprint of the caller's key, a fresh SM2 key, nonce, time; signed
    proxy -> caller   welcome: session, lifetime, a secret enciphered for the fresh key; signed

Each signature covers what was said before it and names the other party's key, so neither
can be used towards somebody else. The fresh key is dropped once the secret is opened: who
gets both long-lived keys later reads nothing that was recorded. Judges no caller.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec

from openehc.crypto.remote.calls import MessageBroken
from openehc.crypto.remote.session import (
    SESSION_SIZE,
    SessionKeys,
    from_milliseconds,
    in_milliseconds,
)
from openehc.crypto.sm2 import Sm2Error, Sm2PrivateKey, Sm2PublicKey
from openehc.crypto.sm3 import sm3
from openehc.kernel.ids import Entropy

VERSION: Final = 1
LARGEST_HELLO: Final = 1024
FINGERPRINT_SIZE: Final = 32
NONCE_SIZE: Final = 16
SECRET_SIZE: Final = 32
_POINT_SIZE: Final = 65
_LONGEST_LIFE: Final = 24 * 3600
_HELLO: Final = b"openehc crypto proxy 1 hello"
_WELCOME: Final = b"openehc crypto proxy 1 welcome"

Body = TypeVar("Body")


class Hello(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The caller's part."""

    version: int
    caller: Annotated[bytes, msgspec.Meta(min_length=FINGERPRINT_SIZE, max_length=FINGERPRINT_SIZE)]
    fresh_key: Annotated[bytes, msgspec.Meta(min_length=_POINT_SIZE, max_length=_POINT_SIZE)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=NONCE_SIZE, max_length=NONCE_SIZE)]
    at_ms: int


class Welcome(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The proxy's part."""

    session: Annotated[bytes, msgspec.Meta(min_length=SESSION_SIZE, max_length=SESSION_SIZE)]
    lifetime: Annotated[int, msgspec.Meta(ge=1, le=_LONGEST_LIFE)]
    secret: Annotated[bytes, msgspec.Meta(max_length=256)]


class Signed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Bytes as they were signed, and the signature (r || s)."""

    body: Annotated[bytes, msgspec.Meta(max_length=LARGEST_HELLO)]
    signature: Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class HandshakeFailed(Exception):
    """The other party did not prove its key; nothing of the messages is repeated."""


_encode: Final = msgspec.msgpack.Encoder().encode
_signed: Final = msgspec.msgpack.Decoder(Signed)
_hello: Final = msgspec.msgpack.Decoder(Hello)
_welcome: Final = msgspec.msgpack.Decoder(Welcome)


def fingerprint(key: Sm2PublicKey) -> bytes:
    """SM3 of the public key, 32 bytes: how a caller is found in the allow-list."""
    return sm3(key.raw)


@dataclass(frozen=True, slots=True)
class Greeting:
    """A hello as it came: still unproved; `wire` are its bytes."""

    wire: bytes
    hello: Hello
    signed: Signed

    @property
    def at(self) -> datetime:
        """When the caller says that it was made."""
        return from_milliseconds(self.hello.at_ms)

    def check(self, caller: Sm2PublicKey, *, proxy: Sm2PublicKey) -> None:
        """Raise `HandshakeFailed` unless the caller's key signed it for this proxy."""
        try:
            caller.verify(self.signed.signature, data=_HELLO + proxy.raw + self.signed.body)
        except Sm2Error:
            raise HandshakeFailed("the signature is not of the caller's key") from None


def read_hello(wire: bytes) -> Greeting:
    """The hello in these bytes; raises `MessageBroken`."""
    if len(wire) > LARGEST_HELLO:
        raise MessageBroken(f"a hello has at most {LARGEST_HELLO} bytes")
    signed = _decoded(_signed, wire)
    hello = _decoded(_hello, signed.body)
    if hello.version != VERSION:
        raise MessageBroken(f"only version {VERSION} is spoken here")
    from_milliseconds(hello.at_ms)
    return Greeting(wire, hello, signed)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that stands, as each party holds it."""

    keys: SessionKeys
    lifetime: int
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The caller's end of a handshake, between hello and welcome."""

    wire: bytes
    fresh: Sm2PrivateKey = field(repr=False)
    proxy: Sm2PublicKey

    def complete(self, welcome: bytes) -> Opened:
        """The session; raises `MessageBroken`, `HandshakeFailed`."""
        signed = _decoded(_signed, welcome)
        try:
            self.proxy.verify(signed.signature, data=_WELCOME + sm3(self.wire) + signed.body)
            told = _decoded(_welcome, signed.body)
            secret = self.fresh.decrypt(told.secret)
        except Sm2Error:
            raise HandshakeFailed("the front proxy does not hold the expected key") from None
        transcript = sm3(self.wire + welcome)
        keys = SessionKeys(secret, session=told.session, transcript=transcript)
        return Opened(keys, told.lifetime)


def say_hello(
    caller: Sm2PrivateKey, *, proxy: Sm2PublicKey, now: datetime, entropy: Entropy
) -> Opening:
    """Begin a handshake with the holder of the key `proxy`."""
    fresh = Sm2PrivateKey.generate()
    body = _encode(
        Hello(
            version=VERSION,
            caller=fingerprint(caller.public),
            fresh_key=fresh.public.raw,
            nonce=entropy.bytes(NONCE_SIZE),
            at_ms=in_milliseconds(now),
        )
    )
    wire = _encode(Signed(body, caller.sign_raw(_HELLO + proxy.raw + body)))
    return Opening(wire, fresh, proxy)


def say_welcome(
    greeting: Greeting, *, proxy: Sm2PrivateKey, lifetime: int, entropy: Entropy
) -> tuple[bytes, Opened]:
    """Answer a hello that was checked; raises `HandshakeFailed` for a fresh key that is none."""
    secret, session = entropy.bytes(SECRET_SIZE), entropy.bytes(SESSION_SIZE)
    try:
        wrapped = Sm2PublicKey(greeting.hello.fresh_key).encrypt(secret)
    except Sm2Error:
        raise HandshakeFailed("the caller's fresh key is no point of the curve") from None
    body = _encode(Welcome(session, lifetime, wrapped))
    signature = proxy.sign_raw(_WELCOME + sm3(greeting.wire) + body)
    wire = _encode(Signed(body, signature))
    keys = SessionKeys(secret, session=session, transcript=sm3(greeting.wire + wire))
    return wire, Opened(keys, lifetime)


def _decoded(decoder: "msgspec.msgpack.Decoder[Body]", wire: bytes) -> Body:
    try:
        return decoder.decode(wire)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MessageBroken("no message of a handshake") from None
