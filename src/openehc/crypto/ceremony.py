"""The key ceremony (密钥灌装, 材料二 2.8): sheets that people carry, and what proves the result.

A key leaves and enters as sheets: plain text, one share or component each, with what
the holder has to know. `assembled_key` takes sheets, or what was typed from them. The
page of a filling holds the ids of an invented person: the same keys give the same ids
anywhere (材料二 附录A 5.1 no 6). Reads no file, asks nobody, stores nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum, unique
from typing import Any, Final

from openehc.crypto.keyfile_format import KeyPurpose
from openehc.crypto.module.port import CryptoModule
from openehc.crypto.node_keys import INDEX_KEY_SIZE, NodeKeys
from openehc.crypto.shares import (
    Component,
    ShareError,
    ShareMistyped,
    ShareOfAnotherSet,
    SharesDoNotFit,
    SharesTooFew,
    agrees,
    check_value,
    join_components,
    join_shares,
    read_component,
    read_share,
    split_into_components,
    split_into_shares,
)
from openehc.crypto.sm4 import KEY_SIZE
from openehc.kernel.clock import wire_time
from openehc.kernel.ids import Entropy

FORMAT: Final = "openehc-key-sheet 1"
_FIELDS: Final = (
    "key", "purpose", "kind", "part", "of", "needed", "set", "made", "check_of_key",
    "check_of_part",
)  # fmt: skip


class SheetOfAnotherKey(ShareError):
    """The sheet belongs to another key, or to keys for another purpose."""


@unique
class KeyName(Enum):
    """The keys that enter at a ceremony, by the names on sheets and command lines."""

    SAFE = "safe-key"
    PROTECT = "protect-key"
    SEALING = "sealing-key"
    BLIND_INDEX = "blind-index-key"

    @property
    def size(self) -> int:
        """Bytes of the key."""
        return INDEX_KEY_SIZE if self is KeyName.BLIND_INDEX else KEY_SIZE

    @property
    def domain(self) -> str:
        """The domain of its check value: keys of a crypto module show what machines show."""
        return "" if self in {KeyName.SAFE, KeyName.PROTECT} else self.value

    def check(self, key: bytes) -> str:
        """The check value of `key` as this key."""
        return check_value(key, domain=self.domain)


@unique
class SheetKind(Enum):
    """How a key was cut."""

    SHARE = "share"
    COMPONENT = "component"


@dataclass(frozen=True, slots=True, repr=False)
class Sheet:
    """One part of one key, with everything that its holder has to know."""

    key: KeyName
    purpose: KeyPurpose
    kind: SheetKind
    part: int
    of: int
    needed: int
    set_number: int
    made: str
    check_of_key: str
    check_of_part: str
    secret: str

    def __repr__(self) -> str:
        """Nothing of the secret."""
        return f"Sheet({self.key.value}, {self.kind.value} {self.part} of {self.of})"

    def text(self) -> str:
        """The sheet as it is printed or saved."""
        values = (
            self.key.value, self.purpose.value, self.kind.value, self.part, self.of, self.needed,
            self.set_number, self.made, self.check_of_key, self.check_of_part,
        )  # fmt: skip
        head = "\n".join(f"{name}: {value}" for name, value in zip(_FIELDS, values, strict=True))
        return f"{FORMAT}\n{head}\n\n{_lines(self.secret)}\n"


def read_sheet(text: str) -> Sheet:
    """The sheet that `Sheet.text` wrote; raises `ShareMistyped` for what is none."""
    head, _, secret = text.replace("\r\n", "\n").strip().partition("\n\n")
    first, *lines = head.split("\n")
    told = dict(line.partition(": ")[::2] for line in lines)
    if first.strip() != FORMAT or tuple(told) != _FIELDS or not secret:
        raise ShareMistyped("this is no key sheet, or a line of it was lost")
    try:
        return Sheet(
            key=KeyName(told["key"]), purpose=KeyPurpose(told["purpose"]),
            kind=SheetKind(told["kind"]), part=int(told["part"]), of=int(told["of"]),
            needed=int(told["needed"]), set_number=int(told["set"]), made=told["made"],
            check_of_key=told["check_of_key"], check_of_part=told["check_of_part"],
            secret=" ".join(secret.split()),
        )  # fmt: skip
    except ValueError:
        raise ShareMistyped("a line at the head of the key sheet was changed") from None


@dataclass(frozen=True, slots=True)
class Cut:
    """How to cut a key: any `needed` of `count` parts; for components they are equal."""

    kind: SheetKind
    needed: int
    count: int


def sheets_of(
    name: KeyName, key: bytes, *, cut: Cut, purpose: KeyPurpose, now: datetime, entropy: Entropy
) -> tuple[Sheet, ...]:
    """The key in parts; raises ValueError for numbers that cannot be."""
    if cut.kind is SheetKind.SHARE:
        lines = split_into_shares(key, needed=cut.needed, count=cut.count, entropy=entropy)
        number = read_share(lines[0]).set_number
        parts = [(line, "") for line in lines]
    else:
        components = split_into_components(key, count=cut.count, entropy=entropy)
        number = int.from_bytes(entropy.bytes(2), "big")
        parts = [(_grouped(part.value.hex().upper()), part.check) for part in components]
    return tuple(
        Sheet(
            key=name, purpose=purpose, kind=cut.kind, part=at, of=cut.count, needed=cut.needed,
            set_number=number, made=now.astimezone(UTC).isoformat(timespec="seconds"),
            check_of_key=name.check(key), check_of_part=check, secret=secret,
        )
        for at, (secret, check) in enumerate(parts, 1)
    )  # fmt: skip


def key_of_sheets(name: KeyName, sheets: Sequence[Sheet], *, purpose: KeyPurpose) -> bytes:
    """The key behind the sheets, as `name` and for `purpose`; raises every `ShareError`."""
    if not sheets:
        raise SharesTooFew("no sheet was given")
    for sheet in sheets:
        if sheet.key is not name:
            raise SheetOfAnotherKey(f"a sheet of the {sheet.key.value}, not of the {name.value}")
        if (sheet.purpose is KeyPurpose.PRODUCTION) is not (purpose is KeyPurpose.PRODUCTION):
            raise SheetOfAnotherKey(
                f"a sheet for {sheet.purpose.value} keys, and the node is for {purpose.value}:"
                " formal and simulated keys are never mixed"
            )
    if len({(sheet.kind, sheet.set_number, sheet.check_of_key) for sheet in sheets}) > 1:
        raise ShareOfAnotherSet("the sheets come from different cuttings of the key")
    return _joined_sheets(name, sheets)


def _joined_sheets(name: KeyName, sheets: Sequence[Sheet]) -> bytes:
    first = sheets[0]
    if first.kind is SheetKind.SHARE:
        return key_of_shares(name, [sheet.secret for sheet in sheets], check=first.check_of_key)
    parts = [read_component(sheet.secret, check=sheet.check_of_part) for sheet in sheets]
    distinct = len({part.value for part in parts})
    if distinct == len(parts) < first.needed:
        raise SharesTooFew(f"{first.needed} components are needed, {len(parts)} were given")
    return key_of_components(name, parts, check=first.check_of_key)


def key_of_shares(name: KeyName, lines: Sequence[str], *, check: str) -> bytes:
    """The key behind typed shares; raises every `ShareError`, also for another check value."""
    return _required(name, join_shares(lines), check=check)


def key_of_components(name: KeyName, parts: Sequence[Component], *, check: str) -> bytes:
    """The key behind typed components; raises every `ShareError`."""
    return _required(name, join_components(parts, check=check, domain=name.domain), check=check)


def _required(name: KeyName, key: bytes, *, check: str) -> bytes:
    if len(key) != name.size:
        raise SheetOfAnotherKey(f"a {name.value} has {name.size} bytes, this key {len(key)}")
    if not agrees(name.check(key), check):
        raise SharesDoNotFit(
            f"the parts give a key, but not the {name.value} of that check value: are they of"
            " another key?"
        )
    return key


def check_values_of(keys: NodeKeys) -> dict[str, str]:
    """The check values of every held key; versions of sealing and index keys apart."""
    return {
        KeyName.SAFE.value: KeyName.SAFE.check(keys.module.safe_key),
        KeyName.PROTECT.value: KeyName.PROTECT.check(keys.module.protect_key),
        **{
            f"{KeyName.SEALING.value} {version}": KeyName.SEALING.check(key)
            for version, key in sorted(keys.sealing.items())
        },
        **{
            f"{KeyName.BLIND_INDEX.value} {version}": KeyName.BLIND_INDEX.check(key)
            for version, key in sorted(keys.blind_indexes.items())
        },
    }


@dataclass(frozen=True, slots=True)
class Specimen:
    """An invented person: area 990101 does not exist. `expires` is aware."""

    id_type: str = "01"
    id_no: str = "990101199001010019"
    name: str = "张示例"
    expires: datetime = datetime(2030, 1, 1, tzinfo=UTC)


SPECIMEN: Final = Specimen()


@dataclass(frozen=True, slots=True)
class FillingPage:
    """What the keys of a crypto module make of an invented person."""

    id_type: str
    id_no: str
    name: str
    expires: str
    mindex_id: str
    ehealth_card_id: str
    valid: str
    safe_key: str
    protect_key: str

    def fields(self) -> dict[str, str]:
        """As JSON values; no key is among them."""
        return asdict(self)

    def differences(self, told: Mapping[str, Any]) -> list[str]:
        """The names under which an earlier page tells something else."""
        return [name for name, value in self.fields().items() if told.get(name) != value]


async def filling_page(module: CryptoModule, *, person: Specimen = SPECIMEN) -> FillingPage:
    """The page of any crypto module, in software or hardware; raises `CryptoModuleDown`."""
    mindex_id = await module.make_mindex_id(person.id_type, person.id_no, person.name)
    ehcid = await module.make_ehcid(person.id_type, person.id_no, mindex_id)
    checks = await module.key_check_values()
    return FillingPage(
        id_type=person.id_type,
        id_no=person.id_no,
        name=person.name,
        expires=wire_time(person.expires),
        mindex_id=mindex_id,
        ehealth_card_id=ehcid.hex().upper(),
        valid=await module.make_valid(person.expires),
        safe_key=checks["safe_key"],
        protect_key=checks["protect_key"],
    )


def _grouped(digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _lines(words: str) -> str:
    """Four words a line, as they are read aloud."""
    parts = words.split()
    return "\n".join(" ".join(parts[at : at + 4]) for at in range(0, len(parts), 4))
