"""Cutting a key into parts that several people hold: M-of-N shares, or XOR components.

Shares are SLIP-39 mnemonics: any M of N lines of common English words give the key
back, fewer give nothing away. Components are hex numbers, all of which are needed:
the form in which crypto machines take keys by hand. Errors:

    ShareError
    ├── ShareMistyped        a word or a digit that cannot be
    ├── ShareDamaged         every word can be, but the line's own check fails
    ├── ShareRepeated        one share was given twice
    ├── SharesTooFew         more are needed
    ├── ShareOfAnotherSet    a share from another cutting
    └── SharesDoNotFit       together they give no key, or not the expected one

The reference library of SLIP-39 does the work for shares. It is plain Python without
defence against side channels: cut and join keys on a machine that nobody else uses.
It takes the randomness of the shares from the operating system; only the number of
a set comes from `entropy`. Shows and stores nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shamir_mnemonic.shamir import (  # type: ignore[import-untyped]
    EncryptedMasterSecret,
    ShareGroup,
    recover_ems,
    split_ems,
)
from shamir_mnemonic.share import Share  # type: ignore[import-untyped]
from shamir_mnemonic.utils import MnemonicError  # type: ignore[import-untyped]
from shamir_mnemonic.wordlist import WORDLIST  # type: ignore[import-untyped]

from openehc.crypto.sm3 import hmac_sm3
from openehc.crypto.sm4 import KEY_SIZE, EcbCipher
from openehc.kernel.ids import Entropy

FEWEST: Final = 2
MOST_SHARES: Final = 16
MOST_COMPONENTS: Final = 8
CHECK_LENGTH: Final = 16
_SIZES: Final = frozenset({16, 32})
_LENGTHS: Final = frozenset({20, 33})
"""Words of a share of a 16-byte and of a 32-byte key."""
_SET_BITS: Final = 15
_CHECK_DOMAIN: Final = b"openehc key check value\0"
_WORDS: Final = frozenset(WORDLIST)


class ShareError(Exception):
    """A part of a key cannot be used; the text says what to do and holds nothing of it."""


class ShareMistyped(ShareError):
    """A word or a digit that cannot be."""


class ShareDamaged(ShareError):
    """Every word is possible, but not together."""


class ShareRepeated(ShareError):
    """One share was given twice."""


class SharesTooFew(ShareError):
    """More shares are needed."""


class ShareOfAnotherSet(ShareError):
    """A share from another cutting."""


class SharesDoNotFit(ShareError):
    """The parts give no key, or another one than they should."""


@dataclass(frozen=True, slots=True)
class ShareMark:
    """What a share says of itself, which is no secret: its set, its place, how many suffice."""

    set_number: int
    place: int
    needed: int


@dataclass(frozen=True, slots=True, repr=False)
class Component:
    """One XOR component and its check value, 16 upper hex characters."""

    value: bytes
    check: str

    def __repr__(self) -> str:
        """Nothing of the value."""
        return f"Component(check {self.check})"


def check_value(key: bytes, *, domain: str = "") -> str:
    """16 upper hex characters that tell two keys apart and give nothing of them away.

    For a key of 16 bytes what crypto machines show: a block of zeros, enciphered. For
    one of 32 bytes, and in a `domain`, a keyed hash: of a key that seals with SM4-GCM
    the block of zeros is itself a secret.
    """
    if len(key) == KEY_SIZE and not domain:
        return EcbCipher(key).encrypt(bytes(KEY_SIZE)).hex().upper()[:CHECK_LENGTH]
    return hmac_sm3(key, _CHECK_DOMAIN + domain.encode()).hex().upper()[:CHECK_LENGTH]


def split_into_shares(
    secret: bytes, *, needed: int, count: int, entropy: Entropy
) -> tuple[str, ...]:
    """`count` lines of words, any `needed` of which give the 16 or 32 bytes back.

    2 <= needed <= count <= 16; raises ValueError otherwise.
    """
    _require_size(secret)
    if not FEWEST <= needed <= count <= MOST_SHARES:
        raise ValueError(f"{FEWEST} to {MOST_SHARES} shares, of which at least {FEWEST} are needed")
    number = int.from_bytes(entropy.bytes(2), "big") >> (16 - _SET_BITS)
    sealed = EncryptedMasterSecret.from_master_secret(secret, b"", number, True, 0)  # noqa: FBT003
    (group,) = split_ems(1, [(needed, count)], sealed)
    return tuple(share.mnemonic() for share in group)


def read_share(words: str) -> ShareMark:
    """What the share says of itself; raises `ShareMistyped` or `ShareDamaged`."""
    share = _share(words)
    return ShareMark(share.identifier, share.index + 1, share.member_threshold)


def join_shares(lines: Sequence[str]) -> bytes:
    """The key behind the shares, given in any order.

    Raises every `ShareError`; further shares than needed are checked against the others.
    """
    shares = [_share(words) for words in lines]
    if not shares:
        raise SharesTooFew("no share was given")
    _require_one_set(shares)
    needed = shares[0].member_threshold
    if len(shares) < needed:
        raise SharesTooFew(f"{needed} shares are needed, {len(shares)} were given")
    key = _joined(shares[:needed])
    for further in shares[needed:]:
        if _joined([*shares[: needed - 1], further]) != key:
            raise SharesDoNotFit("the shares contradict each other: one of them is forged")
    return key


def split_into_components(secret: bytes, *, count: int, entropy: Entropy) -> tuple[Component, ...]:
    """`count` components (2 to 8) whose XOR is the 16 or 32 bytes; raises ValueError."""
    _require_size(secret)
    if not FEWEST <= count <= MOST_COMPONENTS:
        raise ValueError(f"{FEWEST} to {MOST_COMPONENTS} components")
    values = [entropy.bytes(len(secret)) for _ in range(count - 1)]
    values.append(_xor([secret, *values]))
    return tuple(Component(value, check_value(value)) for value in values)


def read_component(text: str, *, check: str) -> Component:
    """A component typed in hex, blanks allowed, with its check value (6 characters or more).

    Raises `ShareMistyped` for what is no hex of a key, `ShareDamaged` for another check value.
    """
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise ShareMistyped("a component takes the digits 0 to 9 and A to F only") from None
    if len(value) not in _SIZES:
        raise ShareMistyped(f"a component has 32 or 64 hex digits, this one {2 * len(value)}")
    component = Component(value, check_value(value))
    if not agrees(component.check, check):
        raise ShareDamaged("the component does not give its check value: type it again")
    return component


def join_components(components: Sequence[Component], *, check: str, domain: str = "") -> bytes:
    """The XOR of the components, which must give the key's check value.

    Raises `ShareRepeated`, `SharesTooFew`, `ShareOfAnotherSet` for different lengths, and
    `SharesDoNotFit` for a missing component or one of another set.
    """
    values = [component.value for component in components]
    if len(set(values)) < len(values):
        raise ShareRepeated("one component was given twice")
    if len(values) < FEWEST:
        raise SharesTooFew(f"at least {FEWEST} components are needed, {len(values)} were given")
    if len({len(value) for value in values}) > 1:
        raise ShareOfAnotherSet("the components belong to keys of different lengths")
    secret = _xor(values)
    if not agrees(check_value(secret, domain=domain), check):
        raise SharesDoNotFit(
            "the components do not give the key's check value: one is missing, or one belongs"
            " to another key"
        )
    return secret


def agrees(found: str, told: str) -> bool:
    """Whether a check value is the one that was told, of which 6 characters or more count."""
    plain = "".join(told.split()).upper()
    return len(plain) >= 6 and found.startswith(plain)  # noqa: PLR2004 (what machines show)


def _share(words: str) -> Share:
    typed = words.lower().split()
    wrong = [str(at) for at, word in enumerate(typed, 1) if word not in _WORDS]
    if wrong:
        raise ShareMistyped(f"not a word of the list: number {', '.join(wrong)} of the share")
    if len(typed) not in _LENGTHS:
        raise ShareMistyped(f"a share has 20 or 33 words, this one has {len(typed)}")
    try:
        share = Share.from_mnemonic(" ".join(typed))
    except MnemonicError:
        raise ShareDamaged(
            "a word is wrong or stands in the wrong place: compare the share with its sheet"
        ) from None
    if share.group_count > 1:
        raise ShareOfAnotherSet("a share of a set in groups, which is not made here")
    return share


def _require_one_set(shares: Sequence[Share]) -> None:
    first = shares[0]
    marks = {
        (share.identifier, share.iteration_exponent, share.extendable, share.member_threshold,
         len(share.value))
        for share in shares
    }  # fmt: skip
    if len(marks) > 1:
        numbers = sorted({share.identifier for share in shares})
        raise ShareOfAnotherSet(
            f"the shares come from different sets (numbers {', '.join(map(str, numbers))})"
        )
    if len({share.index for share in shares}) < len(shares):
        raise ShareRepeated(f"one share of set {first.identifier} was given twice")


def _joined(shares: Sequence[Share]) -> bytes:
    group = ShareGroup()
    for share in shares:
        group.add(share)
    try:
        secret: bytes = recover_ems({shares[0].group_index: group}).decrypt(b"")
    except MnemonicError:
        raise SharesDoNotFit(
            "the shares give no key: one of them belongs to another set of the same number"
        ) from None
    return secret


def _require_size(secret: bytes) -> None:
    if len(secret) not in _SIZES:
        raise ValueError("a key of 16 or 32 bytes is cut")


def _xor(values: Sequence[bytes]) -> bytes:
    total = 0
    for value in values:
        total ^= int.from_bytes(value, "big")
    return total.to_bytes(len(values[0]), "big")
