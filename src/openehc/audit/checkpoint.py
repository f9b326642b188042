"""Checkpoints: what the node signs at intervals about its chains (SM2 over SM3).

A checkpoint tells how far every chain is that moved, and names the checkpoint before by
its hash. So whoever changes a record that a checkpoint covers would have to sign that
checkpoint and all later ones anew. Touches no database and asks for no time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from openehc.crypto.sm2 import KeyMalformed, SignatureWrong, Sm2PrivateKey, Sm2PublicKey
from openehc.crypto.sm3 import sm3

KEY_NAME: Final = "audit_sm2"
"""The name of the signing key among the local secrets of the key file."""

SECRET_SIZE: Final = 32
NO_CHECKPOINT: Final = bytes(32)
"""What the first checkpoint names as the one before."""

_TAG: Final = "openehc audit checkpoint"
_ORDER: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
"""n of sm2p256v1 (GB/T 32918.5); a private key lies in 1..n-2."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, order=True)
class SignedHead:
    """How far one chain was: its table, its number, its last group and that group's digest."""

    source: str
    stream: int
    seq: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One signed statement about the chains of the database `origin`; `heads` are in order."""

    origin: bytes
    number: int
    at: datetime
    before: bytes
    heads: tuple[SignedHead, ...]
    public_key: bytes
    hash: bytes
    signature: bytes


def signing_key(secret: bytes) -> Sm2PrivateKey:
    """The key that a secret of 32 random bytes stands for."""
    scalar = int.from_bytes(secret, "big") % (_ORDER - 2) + 1
    return Sm2PrivateKey(scalar.to_bytes(SECRET_SIZE, "big"))


def fingerprint(public_key: bytes) -> bytes:
    """32 bytes by which people tell signing keys apart; `public_key` is 04 || X || Y."""
    return sm3(public_key)


def signed_checkpoint(
    key: Sm2PrivateKey, heads: Sequence[SignedHead], *, origin: bytes, number: int,
    before: bytes, at: datetime,
) -> Checkpoint:  # fmt: skip
    """A checkpoint over `heads` behind the one whose hash is `before`."""
    ordered = tuple(sorted(heads))
    digest = checkpoint_hash(origin=origin, number=number, at=at, before=before, heads=ordered)
    return Checkpoint(
        origin=origin, number=number, at=at, before=before, heads=ordered,
        public_key=key.public.raw, hash=digest, signature=key.sign(digest),
    )  # fmt: skip


def checkpoint_hash(
    *, origin: bytes, number: int, at: datetime, before: bytes, heads: Sequence[SignedHead]
) -> bytes:
    """SM3 over the JSON array of tag, origin, number, time in µs, hash before, heads in order."""
    told = [[head.source, head.stream, head.seq, head.digest.hex()] for head in heads]
    return sm3(
        _encode([_TAG, origin.hex(), number, (at - _EPOCH) // _MICROSECOND, before.hex(), told])
    )


def is_genuine(checkpoint: Checkpoint) -> bool:
    """Whether hash and signature belong to the content and to the key that it names."""
    content = checkpoint_hash(
        origin=checkpoint.origin, number=checkpoint.number, at=checkpoint.at,
        before=checkpoint.before, heads=checkpoint.heads,
    )  # fmt: skip
    if content != checkpoint.hash:
        return False
    try:
        Sm2PublicKey(checkpoint.public_key).verify(checkpoint.signature, data=checkpoint.hash)
    except (KeyMalformed, SignatureWrong):
        return False
    return True


def as_line(checkpoint: Checkpoint) -> bytes:
    """The checkpoint as one line of JSON, for a file outside the database."""
    told = {
        "origin": checkpoint.origin.hex(),
        "number": checkpoint.number,
        "at": checkpoint.at.astimezone(UTC).isoformat(),
        "before": checkpoint.before.hex(),
        "heads": [[h.source, h.stream, h.seq, h.digest.hex()] for h in checkpoint.heads],
        "public_key": checkpoint.public_key.hex(),
        "hash": checkpoint.hash.hex(),
        "signature": checkpoint.signature.hex(),
    }
    return _encode(told) + b"\n"


def from_line(line: bytes) -> Checkpoint:
    """What `as_line` wrote; raises ValueError for anything else."""
    try:
        told = _decode(line)
        return Checkpoint(
            origin=bytes.fromhex(told.origin), number=told.number, at=told.at.astimezone(UTC),
            before=bytes.fromhex(told.before),
            heads=tuple(SignedHead(s, n, q, bytes.fromhex(d)) for s, n, q, d in told.heads),
            public_key=bytes.fromhex(told.public_key), hash=bytes.fromhex(told.hash),
            signature=bytes.fromhex(told.signature),
        )  # fmt: skip
    except (msgspec.MsgspecError, ValueError) as broken:
        raise ValueError(f"no checkpoint: {broken}") from None


class _Line(msgspec.Struct, frozen=True):
    origin: str
    number: int
    at: datetime
    before: str
    heads: list[tuple[str, int, int, str]]
    public_key: str
    hash: str
    signature: str


_decode: Final = msgspec.json.Decoder(_Line).decode
