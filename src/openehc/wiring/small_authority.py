"""A small certificate authority in a folder, for demonstration, tests and closed networks.

    root.pem, issuing.pem               certificates of the root and of the authority under it
    root.key.pem, issuing.key.pem       their keys, each under the passphrase
    authority.json                      what was issued and revoked, and the number of the last list

In production certificates come from a licensed authority (材料一 9.2).
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from openehc.crypto.certificates.authority import CertificateAuthority
from openehc.crypto.certificates.certificate import Certificate
from openehc.crypto.certificates.profiles import Profile
from openehc.crypto.certificates.requests import CertificateRequest
from openehc.crypto.certificates.revocation import Revocation, RevocationList, RevocationReason
from openehc.crypto.certificates.structures import Subject, Validity
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.kernel.ids import Entropy
from openehc.wiring.creating import write_private

ROOT_DAYS: Final = 3650
ISSUING_DAYS: Final = 1825
_BACKDATED: Final = timedelta(minutes=5)
"""Clocks differ: a certificate that counts from this very second would be refused elsewhere."""


class AuthorityRefused(Exception):
    """The authority cannot do that; the text says what to do."""


@dataclass(slots=True)
class SmallAuthority:
    """An opened authority; `issue`, `revoke` and `revocation_list` keep its register."""

    folder: Path
    issuing: CertificateAuthority
    register: dict[str, Any] = field(default_factory=dict)

    def issue(
        self, request: CertificateRequest, *, profile: Profile, days: int, now: datetime,
        entropy: Entropy,
    ) -> Certificate:  # fmt: skip
        """A certificate for a checked request; raises `AuthorityRefused`."""
        try:
            certificate = self.issuing.certify(
                request, profile=profile, validity=_from_now(now, days), entropy=entropy
            )
        except ValueError as wrong:
            raise AuthorityRefused(str(wrong)) from None
        self.register["issued"][f"{certificate.serial:x}"] = profile.value
        self._save()
        return certificate

    def revoke(self, certificate: Certificate, *, reason: RevocationReason, now: datetime) -> None:
        """Take a certificate back; it counts with the next list. Raises `AuthorityRefused`."""
        serial = f"{certificate.serial:x}"
        if serial not in self.register["issued"]:
            raise AuthorityRefused(f"certificate {serial} was not issued here")
        if serial in self.register["revoked"]:
            raise AuthorityRefused(f"certificate {serial} was revoked before")
        self.register["revoked"][serial] = [now.isoformat(timespec="seconds"), reason.value]
        self._save()

    def revocation_list(self, *, days: int, now: datetime) -> RevocationList:
        """Everything revoked so far, under the next number."""
        made = now.replace(microsecond=0)
        self.register["list_number"] += 1
        revoked = [
            Revocation(int(serial, 16), datetime.fromisoformat(moment), RevocationReason(reason))
            for serial, (moment, reason) in self.register["revoked"].items()
        ]
        listed = self.issuing.revocation_list(
            revoked, number=self.register["list_number"], made=made,
            next_due=made + timedelta(days=days),
        )  # fmt: skip
        self._save()
        return listed

    def _save(self) -> None:
        write_private(self.folder / "authority.json", json.dumps(self.register, indent=1) + "\n")


def create_authority(
    folder: Path, name: str, passphrase: str, *, now: datetime, entropy: Entropy
) -> SmallAuthority:
    """A root and an issuing authority under it; raises `AuthorityRefused` where one is."""
    if (folder / "root.pem").exists():
        raise AuthorityRefused(f"there is an authority in {folder}: it is never overwritten")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        root = CertificateAuthority.root(
            Subject(f"{name} Root"), key=Sm2PrivateKey.generate(),
            validity=_from_now(now, ROOT_DAYS), entropy=entropy,
        )  # fmt: skip
        issuing = root.subordinate(
            Subject(f"{name} Issuing"), key=Sm2PrivateKey.generate(),
            validity=_from_now(now, ISSUING_DAYS), entropy=entropy,
        )  # fmt: skip
        for label, authority in (("root", root), ("issuing", issuing)):
            sealed = authority.key.encrypted_pem(passphrase, entropy=entropy)
            write_private(folder / f"{label}.key.pem", sealed)
            write_private(folder / f"{label}.pem", authority.certificate.pem())
    except ValueError as wrong:
        raise AuthorityRefused(str(wrong)) from None
    made = SmallAuthority(folder, issuing, {"issued": {}, "revoked": {}, "list_number": 0})
    # the root revokes nothing here, but whoever demands lists demands one of it too
    made_at = now.replace(microsecond=0)
    listed = root.revocation_list(
        [], number=1, made=made_at, next_due=made_at + timedelta(days=ROOT_DAYS)
    )
    write_private(folder / "root.crl.pem", listed.pem())
    made._save()  # noqa: SLF001 (our own kind)
    return made


def open_authority(folder: Path, passphrase: str) -> SmallAuthority:
    """The authority in this folder.

    Raises `AuthorityRefused` where there is none, and what a key with a wrong passphrase raises.
    """
    try:
        certificate = Certificate.from_pem((folder / "issuing.pem").read_text("ascii"))
        sealed = (folder / "issuing.key.pem").read_text("ascii")
        register = json.loads((folder / "authority.json").read_text("utf-8"))
    except FileNotFoundError:
        raise AuthorityRefused(
            f"there is no authority in {folder}: make one with `ehc keys cert authority`"
        ) from None
    except ValueError:
        raise AuthorityRefused(f"the files in {folder} are damaged") from None
    key = Sm2PrivateKey.from_encrypted_pem(sealed, passphrase=passphrase)
    return SmallAuthority(folder, CertificateAuthority(certificate, key), register)


def _from_now(now: datetime, days: int) -> Validity:
    whole = now.replace(microsecond=0)
    return Validity(whole - _BACKDATED, whole + timedelta(days=days))
