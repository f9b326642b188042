"""Trusted timestamps (可信时间戳, 材料一 附录F 2): a small authority, and the check of a token.

A token is TSTInfo of RFC 3161 in a signedData message of GM/T 0010 (GM/T 0033): SM3
imprint, SM2 signature, the authority's certificate bound in. Has no clock: whoever
runs the authority answers for the time that it passes in.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from asn1crypto import tsp

from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.profiles import Purpose, require_purpose
from openehc.crypto.certificates.trust import TrustList
from openehc.crypto.messages.errors import (
    ImprintDiffers,
    MessageMalformed,
    NonceDiffers,
    TimestampInFuture,
)
from openehc.crypto.messages.signed import (
    ReadMessage,
    Signer,
    read_signed,
    signed_data,
)
from openehc.crypto.messages.structures import (
    SIGNING_CERTIFICATE_V2,
    SM3,
    Asn1,
    attribute,
    attribute_value,
    reading,
    require,
)
from openehc.crypto.messages.timestamp_requests import (
    Denial,
    RequestDenied,
    TimestampRequest,
    denied,
    digest_in,
    granted,
    imprint_of,
    read_request,
)
from openehc.kernel.ids import Entropy

_SERIAL_SIZE: Final = 16
_CLOCKS_APART: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """What a checked token proves: these data existed at `moment`, give or take `accuracy`."""

    moment: datetime
    serial: int
    policy: str
    accuracy: timedelta
    authority: Certificate


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """Signs imprints with a time; `policy` is the dotted identifier of its rules.

    Raises `WrongUsage` for a certificate that was not issued for timestamps.
    """

    signer: Signer
    policy: str
    accuracy: timedelta = timedelta(seconds=1)

    def __post_init__(self) -> None:
        """Refuse a certificate that no client would accept."""
        require_purpose(self.signer.certificate.allowance, Purpose.TIMESTAMPING)

    def answer(self, request: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """TimeStampResp for a TimeStampReq: a token, or the reason why there is none."""
        try:
            asked = read_request(request)
        except RequestDenied as refused:
            return denied(refused.denial)
        if asked.policy not in {"", self.policy}:
            return denied(Denial.POLICY_UNKNOWN)
        validity = self.signer.certificate.validity
        if not validity.start <= now <= validity.end:
            return denied(Denial.FAILURE)
        return granted(self.stamp(asked, now=now, entropy=entropy))

    def stamp(self, request: TimestampRequest, *, now: datetime, entropy: Entropy) -> bytes:
        """A token for the imprint at `now`, to the second, under a random serial number."""
        info: dict[str, Asn1] = {
            "version": "v1",
            "policy": self.policy,
            "message_imprint": imprint_of(request.imprint),
            "serial_number": int.from_bytes(entropy.bytes(_SERIAL_SIZE), "big"),
            "gen_time": now.astimezone(UTC).replace(microsecond=0),
            "accuracy": _accuracy(self.accuracy),
        }
        if request.nonce is not None:
            info["nonce"] = request.nonce
        binding = attribute(SIGNING_CERTIFICATE_V2, _binding(self.signer.certificate))
        return signed_data(
            tsp.TSTInfo(info).dump(), content_type="timestamp", signer=self.signer, extra=[binding]
        )


def check_timestamp(
    token: bytes, *, request: TimestampRequest, trust: TrustList, now: datetime
) -> Timestamp:
    """What the token proves about the imprint of `request`.

    For a token from the archive, `request` has no nonce. Raises `MessageRefused` and
    `CertificateRefused` by their reasons, in this order:
    """
    # 1. the signature over the token, and the certificate that it is bound to
    read = read_signed(token, content_type="timestamp")
    _check_binding(read)
    with reading("a timestamp"):
        info = tsp.TSTInfo.load(read.content, strict=True)
        stamp = _stamp(info, read.signers[0])
        imprint, nonce = digest_in(info["message_imprint"]), info["nonce"].native
    # 2. it is about these data, and answers this request
    if imprint != request.imprint:
        raise ImprintDiffers("the timestamp was made for other data")
    if request.nonce is not None and nonce != request.nonce:
        raise NonceDiffers("the timestamp answers another request")
    # 3. its time has come
    if stamp.moment - stamp.accuracy > now + _CLOCKS_APART:
        raise TimestampInFuture("the timestamp lies in the future")
    # 4. the authority: chain, validity and revocation at the moment of the stamp
    trust.check(
        stamp.authority, purpose=Purpose.TIMESTAMPING, now=now, known=read.certificates,
        at=min(stamp.moment, now),
    )  # fmt: skip
    return stamp


def _accuracy(accuracy: timedelta) -> dict[str, int]:
    """RFC 3161 2.4.2: seconds, and milliseconds from 1 to 999 where there are any."""
    seconds, millis = divmod(accuracy // timedelta(milliseconds=1), 1000)
    return {"seconds": seconds, **({"millis": millis} if millis else {})}


def _binding(certificate: Certificate) -> Asn1:
    """SigningCertificateV2 (RFC 5816) with SM3: nobody can put another certificate in."""
    bound = {"hash_algorithm": {"algorithm": SM3}, "cert_hash": certificate.fingerprint}
    return tsp.SigningCertificateV2({"certs": [bound]})


def _check_binding(read: ReadMessage) -> None:
    if len(read.signers) != 1 or read.attributes is None:
        raise MessageMalformed("a timestamp has one signer and signed attributes")
    with reading("a timestamp"):
        bound = attribute_value(read.attributes, SIGNING_CERTIFICATE_V2, tsp.SigningCertificateV2)[
            "certs"
        ][0]
        require(bound["hash_algorithm"], SM3)
        if bound["cert_hash"].native != read.signers[0].fingerprint:
            raise ValueError("the token is bound to another certificate")
        issuer_serial = bound["issuer_serial"]
        if issuer_serial.native and issuer_serial["serial_number"].native != read.signers[0].serial:
            raise ValueError("the token is bound to another certificate")


def _stamp(info: Asn1, authority: Certificate) -> Timestamp:
    if info["version"].native != "v1" or info["extensions"].native:
        raise ValueError("another version, or extensions that are not understood")
    accuracy = info["accuracy"].native or {}
    return Timestamp(
        moment=info["gen_time"].native,
        serial=info["serial_number"].native,
        policy=info["policy"].dotted,
        accuracy=timedelta(
            seconds=accuracy.get("seconds") or 0,
            milliseconds=accuracy.get("millis") or 0,
            microseconds=accuracy.get("micros") or 0,
        ),
        authority=authority,
    )
