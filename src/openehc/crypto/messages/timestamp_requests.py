"""Timestamp requests and the replies to them (RFC 3161 2.4, GM/T 0033 7) with SM3 imprints.

Reads and writes the two messages; what a token proves is decided in `timestamps.py`.
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from asn1crypto import core, tsp

from openehc.crypto.messages.errors import MessageMalformed, StampDenied
from openehc.crypto.messages.structures import SM3, Asn1, ContentInfo, reading, require
from openehc.crypto.sm2_forms import SEQUENCE, der

IMPRINT_SIZE: Final = 32
_GRANTED: Final = frozenset({"granted", "granted_with_mods"})
_LARGEST_NONCE: Final = 32  # bytes
_LARGEST_REQUEST: Final = 4096


@unique
class Denial(Enum):
    """Why an authority denies a timestamp (RFC 3161 2.4.2)."""

    BAD_ALGORITHM = "bad_alg"
    BAD_REQUEST = "bad_request"
    BAD_DATA = "bad_data_format"
    CLOCK_DOWN = "time_not_available"
    POLICY_UNKNOWN = "unaccepted_policy"
    EXTENSION_UNKNOWN = "unaccepted_extensions"
    FAILURE = "system_failure"


class RequestDenied(MessageMalformed):
    """The request cannot be granted; `denial` goes into the reply."""

    def __init__(self, denial: Denial, text: str) -> None:
        """A sentence for the log, and the reason for the wire."""
        super().__init__(text)
        self.denial = denial


@dataclass(frozen=True, slots=True)
class TimestampRequest:
    """What a client asks for: an SM3 imprint of 32 bytes, and a nonce against replays.

    `policy` is a dotted object identifier, empty when the client takes any.
    """

    imprint: bytes
    nonce: int | None = None
    policy: str = ""

    def __post_init__(self) -> None:
        """Refuse an imprint that is no SM3 hash."""
        if len(self.imprint) != IMPRINT_SIZE:
            raise ValueError(f"an SM3 imprint has {IMPRINT_SIZE} bytes")

    def der(self) -> bytes:
        """TimeStampReq, asking for the certificate of the authority."""
        fields: dict[str, Asn1] = {
            "version": 1,
            "message_imprint": imprint_of(self.imprint),
            "cert_req": True,
        }
        if self.nonce is not None:
            fields["nonce"] = self.nonce
        if self.policy:
            fields["req_policy"] = self.policy
        return bytes(tsp.TimeStampReq(fields).dump())


class Reply(core.Sequence):  # type: ignore[misc] # the library has no types
    """TimeStampResp, whose token is a ContentInfo of GM/T 0010."""

    _fields: Final = [
        ("status", tsp.PKIStatusInfo),
        ("token", ContentInfo, {"optional": True}),
    ]


def imprint_of(digest: bytes) -> Asn1:
    """MessageImprint of an SM3 hash."""
    return tsp.MessageImprint({"hash_algorithm": {"algorithm": SM3}, "hashed_message": digest})


def digest_in(imprint: Asn1) -> bytes:
    """The SM3 hash of a MessageImprint; raises ValueError for other hashes."""
    require(imprint["hash_algorithm"], SM3)
    digest: bytes = imprint["hashed_message"].native
    if len(digest) != IMPRINT_SIZE:
        raise ValueError("the imprint is not an SM3 hash")
    return digest


def read_request(der: bytes) -> TimestampRequest:
    """A client's request; raises `RequestDenied` with the reason for the reply."""
    if len(der) > _LARGEST_REQUEST:
        raise RequestDenied(Denial.BAD_REQUEST, "the request is too long")
    try:
        parsed = tsp.TimeStampReq.load(der, strict=True)
        version, nonce = parsed["version"].native, parsed["nonce"].native
        policy = parsed["req_policy"].dotted if parsed["req_policy"].native else ""
        extended = bool(parsed["extensions"].native)
        imprint = parsed["message_imprint"]
        _ = imprint.native
    except (ValueError, TypeError, LookupError, AttributeError) as broken:
        raise RequestDenied(Denial.BAD_DATA, f"not a timestamp request: {broken}") from None
    if version != "v1" or (nonce is not None and nonce.bit_length() > 8 * _LARGEST_NONCE):
        raise RequestDenied(Denial.BAD_REQUEST, "another version, or a nonce that is too long")
    if extended:
        raise RequestDenied(Denial.EXTENSION_UNKNOWN, "the request has extensions")
    try:
        return TimestampRequest(digest_in(imprint), nonce, policy)
    except ValueError as wrong:
        raise RequestDenied(Denial.BAD_ALGORITHM, str(wrong)) from None


def granted(token: bytes) -> bytes:
    """TimeStampResp that grants the token."""
    status = tsp.PKIStatusInfo({"status": "granted"})
    return bytes(Reply({"status": status, "token": ContentInfo.load(token)}).dump())


def denied(denial: Denial) -> bytes:
    """TimeStampResp that denies."""
    status = tsp.PKIStatusInfo({"status": "rejection", "fail_info": {denial.value}})
    return bytes(Reply({"status": status}).dump())


def token_in(reply: bytes) -> bytes:
    """The token of a reply; raises `StampDenied` or `MessageMalformed`."""
    with reading("the reply of a timestamp authority"):
        parsed = Reply.load(reply, strict=True)
        status = parsed["status"]["status"].native
        if status in _GRANTED:
            return der(SEQUENCE, parsed["token"].contents)
        reasons = sorted(parsed["status"]["fail_info"].native or ())
    raise StampDenied(f"the authority answered {status}: {', '.join(reasons) or 'no reason'}")
