"""SM2 keys: sign, verify, encrypt, decrypt (GB/T 32918-2016, GM/T 0009).

Every signature carries the fixed id 1234567812345678 of GM/T 0009 10: there is no way to
leave it out, and a signature made without it is refused by that name. Signatures are
read as DER or r || s; ciphertexts as DER or C1 || C3 || C2, and written as DER only.
Exchanges no keys (GB/T 32918.3) and does no mathematics: `libcrypto.py` does.
"""

from typing import Final, Self

from openehc.crypto import libcrypto, sm2_forms, sm2_passphrase
from openehc.crypto.libcrypto import NativeKey, OperationRefused
from openehc.crypto.sm2_forms import (
    CiphertextBroken,
    KeyMalformed,
    SignatureWrong,
    SignedWithoutId,
    Sm2Error,
    WrongKeyPassphrase,
)
from openehc.crypto.sm3 import sm3
from openehc.kernel.ids import Entropy

__all__ = [
    "CiphertextBroken",
    "KeyMalformed",
    "SignatureWrong",
    "SignedWithoutId",
    "Sm2Error",
    "Sm2PrivateKey",
    "Sm2PublicKey",
    "WrongKeyPassphrase",
]

ID: Final = b"1234567812345678"
RAW_SIGNATURE_SIZE: Final = 64

# a || b || xG || yG of sm2p256v1 (GB/T 32918.5): hashed into Z with every public key
_CURVE: Final = bytes.fromhex(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
_PRIVATE_LABEL: Final = "PRIVATE KEY"
_ENCRYPTED_LABEL: Final = "ENCRYPTED PRIVATE KEY"
_PUBLIC_LABEL: Final = "PUBLIC KEY"


def _z_of(point: bytes, *, identity: bytes) -> bytes:
    """Z of GB/T 32918.2 5.5: the hash that ties a signature to id, curve and key."""
    return sm3((8 * len(identity)).to_bytes(2, "big") + identity + _CURVE + point[1:])


class Sm2PublicKey:
    """A point of the curve; equal when the points are, usable from any thread."""

    __slots__ = ("_native", "_raw", "_z")

    def __init__(self, raw: bytes) -> None:
        """`raw` is 04 || X || Y, 65 bytes; raises `KeyMalformed` for no point of the curve."""
        try:
            self._native = libcrypto.public_key(raw)
        except OperationRefused as refused:
            raise KeyMalformed(str(refused)) from None
        self._raw = raw
        self._z = _z_of(raw, identity=ID)

    @classmethod
    def from_spki(cls, spki: bytes) -> Self:
        """The key of a SubjectPublicKeyInfo (DER); raises `KeyMalformed`."""
        return cls(sm2_forms.point_in_spki(spki))

    @classmethod
    def from_pem(cls, text: str) -> Self:
        """The key of a PUBLIC KEY block; raises `KeyMalformed`."""
        return cls.from_spki(_block(text, _PUBLIC_LABEL))

    @property
    def raw(self) -> bytes:
        """04 || X || Y, 65 bytes."""
        return self._raw

    def spki(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return sm2_forms.spki_of(self._raw)

    def pem(self) -> str:
        """A PUBLIC KEY block."""
        return sm2_forms.pem_of(self.spki(), label=_PUBLIC_LABEL)

    def verify(self, signature: bytes, *, data: bytes) -> None:
        """Return when the signature (DER, or r || s of 64 bytes) belongs to `data`.

        Raises `SignatureWrong`, and `SignedWithoutId`, which is one, when only the id is
        missing. A return value could be overlooked; an exception cannot.
        """
        if len(signature) == RAW_SIGNATURE_SIZE:
            signature = sm2_forms.der_signature(signature)
        else:
            sm2_forms.raw_signature(signature)
        if self._native.verify(signature, digest=sm3(self._z + data)):
            return
        without_id = (sm3(_z_of(self._raw, identity=b"") + data), sm3(data))
        if any(self._native.verify(signature, digest=digest) for digest in without_id):
            raise SignedWithoutId("the signature was made without the id 1234567812345678")
        raise SignatureWrong("the signature does not belong to these data and this key")

    def encrypt(self, plaintext: bytes) -> bytes:
        """SM2Cipher (DER, GM/T 0009 7.2) of 1 byte or more; raises ValueError for nothing."""
        if not plaintext:
            raise ValueError("SM2 encrypts one byte or more")
        return self._native.encrypt(plaintext)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sm2PublicKey) and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        return f"Sm2PublicKey({self._raw.hex()})"


class Sm2PrivateKey:
    """A key pair; its private half is never shown, compared or pickled."""

    __slots__ = ("_native", "_public", "_z")

    def __init__(self, scalar: bytes) -> None:
        """`scalar` is 32 bytes, big-endian, 1 to n-2; raises `KeyMalformed`."""
        try:
            self._public = Sm2PublicKey(libcrypto.point_of(scalar))
            self._native: NativeKey = libcrypto.private_key(scalar, point=self._public.raw)
        except OperationRefused as refused:
            raise KeyMalformed(str(refused)) from None
        self._z = _z_of(self._public.raw, identity=ID)

    @classmethod
    def generate(cls) -> Self:
        """A new key from the generator of libcrypto, which it seeds from the system."""
        return cls(libcrypto.fresh_scalar())

    @classmethod
    def from_pkcs8(cls, info: bytes) -> Self:
        """The key of a PrivateKeyInfo (DER); raises `KeyMalformed`."""
        scalar, point = sm2_forms.key_in_pkcs8(info)
        key = cls(scalar)
        if point is not None and point != key.public.raw:
            raise KeyMalformed("private and public key of the PKCS#8 file do not belong together")
        return key

    @classmethod
    def from_pem(cls, text: str) -> Self:
        """The key of a PRIVATE KEY block; raises `KeyMalformed`."""
        return cls.from_pkcs8(_block(text, _PRIVATE_LABEL))

    @classmethod
    def from_encrypted_pem(cls, text: str, *, passphrase: str) -> Self:
        """The key of an ENCRYPTED PRIVATE KEY block.

        Raises `KeyMalformed`, or `WrongKeyPassphrase` when it does not open.
        """
        info = sm2_passphrase.decrypted(_block(text, _ENCRYPTED_LABEL), passphrase)
        try:
            return cls.from_pkcs8(info)
        except KeyMalformed:  # a wrong passphrase can end in padding by chance
            raise WrongKeyPassphrase("the passphrase does not open the private key") from None

    @property
    def public(self) -> Sm2PublicKey:
        """The public half."""
        return self._public

    def raw(self) -> bytes:
        """The scalar, 32 bytes: only for storing it sealed."""
        return self._native.scalar()

    def pkcs8(self) -> bytes:
        """PrivateKeyInfo, DER, in the clear."""
        return sm2_forms.pkcs8_of(self.raw(), point=self._public.raw)

    def pem(self) -> str:
        """A PRIVATE KEY block, in the clear."""
        return sm2_forms.pem_of(self.pkcs8(), label=_PRIVATE_LABEL)

    def encrypted_pem(self, passphrase: str, *, entropy: Entropy) -> str:
        """An ENCRYPTED PRIVATE KEY block; raises ValueError for under 8 characters."""
        sealed = sm2_passphrase.encrypted(self.pkcs8(), passphrase, entropy=entropy)
        return sm2_forms.pem_of(sealed, label=_ENCRYPTED_LABEL)

    def sign(self, data: bytes) -> bytes:
        """SM2Signature of `data` with the fixed id, DER (GM/T 0009 7.3)."""
        return self._native.sign(sm3(self._z + data))

    def sign_raw(self, data: bytes) -> bytes:
        """The same as r || s, 64 bytes."""
        return sm2_forms.raw_signature(self.sign(data))

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The plaintext of DER or C1 || C3 || C2, with or without the leading 04.

        C3 is checked in every reading; raises `CiphertextBroken`.
        """
        for reading in sm2_forms.der_ciphertexts(ciphertext):
            try:
                return self._native.decrypt(reading)
            except OperationRefused:
                continue
        raise CiphertextBroken("the ciphertext is truncated, changed or for another key")

    def __reduce__(self) -> str:
        """Refuse to be pickled: the key would travel in the clear."""
        raise TypeError("a private key cannot be pickled")

    def __repr__(self) -> str:
        return f"Sm2PrivateKey(*** of {self._public.raw.hex()})"


def _block(text: str, label: str) -> bytes:
    try:
        return sm2_forms.pem_content(text, label=label)
    except ValueError as broken:
        raise KeyMalformed(str(broken)) from None
