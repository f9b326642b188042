"""With which TLS certificates an application calls (材料一 9.6), and whether only with these.

A certificate is named by the SHA-256 of its DER bytes, as `openssl x509 -fingerprint -sha256`
prints it. Two at once let it be renewed. Looks into no certificate and trusts no authority:
the handshake does (wiring/tls.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from openehc.access.act_on_record import ActOnRecord
from openehc.access.record import ActCommand, Record
from openehc.kernel.refusal import Fault, Reason, Refusal

MOST_CERTIFICATES: Final = 10
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The certificates that an application shall have; whether it needs one of them."""

    certificates: tuple[str, ...]
    needed: bool


@dataclass(frozen=True, slots=True)
class BindCertificates:
    """The use case."""

    act_on: ActOnRecord

    async def __call__(self, command: ActCommand, wanted: Bound) -> Record | Refusal:
        """The application with these certificates and no others."""
        fingerprints = [fingerprint_in(text) for text in wanted.certificates]
        faults = _faults(fingerprints, wanted)
        if faults:
            return Refusal(Reason.INPUT_WRONG, faults=faults)

        async def change(_connection: Any, _record: Record) -> Mapping[str, Any] | Refusal:  # noqa: ANN401
            return {"client_certificates": fingerprints, "certificate_needed": wanted.needed}

        return await self.act_on(command, change)


def fingerprint_in(text: str) -> str:
    """The 64 lower-case hexadecimal digits that a text stands for, "" when it holds none.

    Colons between the bytes and capitals, as OpenSSL prints them, are taken.
    """
    digits = text.strip().replace(":", "").lower()
    return digits if _FINGERPRINT.fullmatch(digits) else ""


def _faults(fingerprints: list[str], wanted: Bound) -> tuple[Fault, ...]:
    if len(fingerprints) > MOST_CERTIFICATES:
        return (Fault("certificates", f"至多{MOST_CERTIFICATES}张证书", "at most 10 certificates"),)
    if "" in fingerprints:
        return (
            Fault(
                "certificates", "应为证书的SHA-256指纹：64位十六进制数字",
                "the SHA-256 fingerprint of a certificate: 64 hexadecimal digits",
            ),
        )  # fmt: skip
    if len(set(fingerprints)) != len(fingerprints):
        return (Fault("certificates", "证书不得重复", "each certificate once"),)
    if wanted.needed and not fingerprints:
        return (
            Fault("needed", "请先登记证书，再要求仅凭证书调用", "needs a certificate to call with"),
        )
    return ()
