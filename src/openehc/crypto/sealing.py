"""Personal data at rest: sealed profiles and blind indexes (材料一 9.4).

A profile is sealed with SM4-GCM and bound to its row and key version; a blind
index finds a row by an exact value without storing the value. Normalises nothing,
keeps no keys on disk, and decides nothing about rotation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from openehc.crypto.sm3 import hmac_sm3_under
from openehc.crypto.sm4 import NONCE_SIZE, GcmCipher, SealBroken
from openehc.kernel.ids import Entropy

INDEX_SIZE: Final = 16
_VERSION_SIZE: Final = 2
_LAST_VERSION: Final = (1 << 8 * _VERSION_SIZE) - 1
_PROFILE_DOMAIN: Final = b"openehc profile\0"
_SHORTEST_INDEX_KEY: Final = 16


class SealKeyUnknown(SealBroken):
    """The value was sealed under a key version that this node does not hold."""


@dataclass(frozen=True, slots=True)
class SealedValue:
    """What is stored: version (2, big-endian) + nonce (12) + ciphertext + tag (16).

    `key_version` repeats the version, so that rows under an old key can be found.
    """

    content: bytes
    key_version: int


class ProfileSealer:
    """Seals under the current key, opens under any held version; threads may share it.

    Random nonces are safe for about 2**32 seals under one version: rotate before.
    """

    __slots__ = ("_ciphers", "_current")

    def __init__(self, keys: Mapping[int, bytes], *, current: int) -> None:
        """16-byte keys by version (0 to 65535); raises ValueError when `current` is not held."""
        if current not in keys or not all(0 <= version <= _LAST_VERSION for version in keys):
            raise ValueError(
                f"sealing key versions lie in 0..{_LAST_VERSION} and hold the current one"
            )
        self._current = current
        self._ciphers = {
            version.to_bytes(_VERSION_SIZE, "big"): GcmCipher(key) for version, key in keys.items()
        }

    @property
    def current(self) -> int:
        """The version under which new values are sealed."""
        return self._current

    def seal(self, plaintext: bytes, *, row: bytes, entropy: Entropy) -> SealedValue:
        """Seal `plaintext` for the row of this identity."""
        version = self._current.to_bytes(_VERSION_SIZE, "big")
        nonce = entropy.bytes(NONCE_SIZE)
        aad = _PROFILE_DOMAIN + version + row
        sealed = self._ciphers[version].seal(plaintext, aad=aad, nonce=nonce)
        return SealedValue(content=version + sealed, key_version=self._current)

    def open(self, sealed: bytes, *, row: bytes) -> bytes:
        """The plaintext; raises `SealBroken` when changed, cut or moved to another row.

        Raises `SealKeyUnknown`, a `SealBroken`, for a key version that is not held.
        """
        version = sealed[:_VERSION_SIZE]
        cipher = self._ciphers.get(version)
        if cipher is None:
            raise SealKeyUnknown(f"no sealing key of version {version.hex() or 'unknown'} is held")
        return cipher.open(sealed[_VERSION_SIZE:], aad=_PROFILE_DOMAIN + version + row)


class BlindIndexer:
    """Keyed fingerprints for exact look-up: HMAC-SM3, cut to 16 bytes.

    Equal values of one kind give equal indexes; the kinds are kept apart by a
    prefix and the parts by their lengths. Callers normalise before they ask.
    """

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        """`key` has 16 bytes or more; raises ValueError otherwise."""
        if len(key) < _SHORTEST_INDEX_KEY:
            raise ValueError(f"a blind index key has {_SHORTEST_INDEX_KEY} bytes or more")
        self._keyed = hmac_sm3_under(key)

    def __repr__(self) -> str:
        """Nothing of the key."""
        return "BlindIndexer(***)"

    def document(self, id_type: str, id_no: str) -> bytes:
        """16 bytes for an identity document."""
        return self._index(b"document", id_type, id_no)

    def phone(self, phone: str) -> bytes:
        """16 bytes for a phone number."""
        return self._index(b"phone", phone)

    def name(self, name: str) -> bytes:
        """16 bytes for a name."""
        return self._index(b"name", name)

    def card(self, card_type: str, card_no: str) -> bytes:
        """16 bytes for a bound card."""
        return self._index(b"card", card_type, card_no)

    def _index(self, kind: bytes, *parts: str) -> bytes:
        fields = [part.encode() for part in parts]
        lengthed = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
        return self._keyed(kind + b"\0" + lengthed)[:INDEX_SIZE]
