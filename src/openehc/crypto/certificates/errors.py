"""Why a certificate is refused, each reason by its own name (材料一 附录F 5.1).

    CertificateRefused
    ├── CertificateMalformed    not an SM2 certificate, request or revocation list
    ├── SignatureBroken         changed after it was signed, or signed by another key
    │   └── WithoutId           signed by the right key without the fixed id
    ├── ChainBroken             no way up to a trusted root
    │   └── SelfSignedUntrusted it vouches for itself, and nobody else does
    ├── NotYetValid             its time has not come
    ├── Expired                 its time is over
    ├── Revoked                 the issuer took it back
    ├── RevocationUnknown       no current revocation list of its issuer is held
    └── WrongUsage              good, but not for this purpose

Messages name the certificate by its serial number, never by the person in it.
"""


class CertificateRefused(ValueError):
    """A certificate that must not be relied on."""


class CertificateMalformed(CertificateRefused):
    """Not a certificate, request or revocation list with SM2 and SM3, or not strictly DER."""


class SignatureBroken(CertificateRefused):
    """The signature of the issuer does not hold."""


class WithoutId(SignatureBroken):
    """The issuer signed without the id 1234567812345678 (GM/T 0009 10)."""


class ChainBroken(CertificateRefused):
    """No chain leads to a trusted root, or a link may not issue certificates."""


class SelfSignedUntrusted(ChainBroken):
    """The certificate is its own issuer and is not among the trusted roots."""


class NotYetValid(CertificateRefused):
    """The moment lies before the validity time of a certificate in the chain."""


class Expired(CertificateRefused):
    """The moment lies after the validity time of a certificate in the chain."""


class Revoked(CertificateRefused):
    """The issuer revoked a certificate in the chain."""


class RevocationUnknown(CertificateRefused):
    """The policy asks for a current revocation list, and none is held."""


class WrongUsage(CertificateRefused):
    """The certificate was not issued for this purpose."""
