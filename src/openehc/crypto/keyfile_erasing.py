"""Erasing a key file, with a record of it (清除密钥证明, 材料二 2.8).

The bytes are overwritten in place several times, then the file is removed. That
reaches the blocks under the file only where the disk writes in place: solid state
disks, copy-on-write file systems, snapshots and backups may keep older copies. The
record says what was done, by whom and why; it proves nothing about such copies.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from openehc.crypto.keyfile import (
    KeyFileError,
    KeyFileMissing,
    read_header,
    sync_folder,
    write_durably,
)
from openehc.crypto.keyfile_changing import remains_of
from openehc.crypto.sm3 import sm3_upper
from openehc.crypto.wiping import RANDOM_PASSES, overwrite
from openehc.kernel.ids import Entropy

PROOF: Final = "keys.erased.json"
_FIELDS: Final = frozenset({
    "completed", "begun_at", "who", "check_values", "erased_files",
})  # fmt: skip
METHOD: Final = f"overwritten in place: {RANDOM_PASSES} times at random, once with zeros; removed"


@dataclass(frozen=True, slots=True)
class Erasure:
    """Whose keys are erased, by whom and why, and the check values of the keys."""

    ehcin: str
    who: str
    reason: str
    check_values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BegunErasure:
    """An erasure that was cut short, as its record tells; it can only be gone on with."""

    told: Mapping[str, Any]

    @property
    def who(self) -> str:
        """Who began it."""
        return str(self.told["who"])

    @property
    def at(self) -> str:
        """When, in ISO form."""
        return str(self.told["begun_at"])

    @property
    def check_values(self) -> dict[str, str]:
        """Of the keys, taken before anything was lost."""
        return dict(self.told["check_values"])


def files_to_erase(path: Path) -> list[Path]:
    """The key file, and what changes of it that were cut short left behind."""
    return [place for place in (path, *remains_of(path)) if place.exists()]


def begun_erasure(path: Path) -> BegunErasure | None:
    """The erasure to go on with; None where none was cut short.

    One whose key file was put back from a backup since, with other bytes, was given up.
    """
    told = read_record(path)
    if told is None or told["completed"] == "yes":
        return None
    known = {one["sm3"] for one in told["erased_files"]}
    if _is_whole(path) and sm3_upper(path.read_bytes()) not in known:
        return None
    return BegunErasure(told)


def read_record(path: Path) -> dict[str, Any] | None:
    """The record beside the key file; None when there is none that can be read."""
    try:
        told: dict[str, Any] = json.loads(path.with_name(PROOF).read_text("utf-8"))
        return told if told.keys() >= _FIELDS else None
    except (OSError, ValueError, AttributeError):
        return None


def erase_key_file(path: Path, erasure: Erasure, *, now: datetime, entropy: Entropy) -> Path:
    """Overwrite and remove the file; returns the place of the record.

    The record is written before anything is lost, and marked as completed afterwards. One that
    was cut short is gone on with under its record, which then tells who did that, and when. An
    older record is kept under the name of its time. Raises `KeyFileMissing`; OSError when the
    file cannot be overwritten.
    """
    proof, begun = path.with_name(PROOF), begun_erasure(path)
    if begun is not None:
        more = {"at": now.isoformat(), "who": erasure.who}
        told = {**begun.told, "gone_on": [*begun.told.get("gone_on", []), more]}
    else:
        told = _begun(path, erasure, now=now)
        _keep_older(path)
    _write(proof, {**told, "completed": "no"}, entropy=entropy)
    for place in files_to_erase(path):
        overwrite(place, entropy=entropy)
        place.unlink()
    sync_folder(path.parent)
    _write(proof, {**told, "completed": "yes"}, entropy=entropy)
    return proof


def _begun(path: Path, erasure: Erasure, *, now: datetime) -> dict[str, Any]:
    places = files_to_erase(path)
    if path not in places:
        raise KeyFileMissing(f"there is no key file at {path}: nothing to erase")
    return {
        "ehcin": erasure.ehcin,
        "who": erasure.who,
        "reason": erasure.reason,
        "begun_at": now.isoformat(),
        "method": METHOD,
        "check_values": dict(erasure.check_values),
        "erased_files": [
            {"name": place.name, "size": place.stat().st_size, "sm3": sm3_upper(place.read_bytes())}
            for place in places
        ],
    }


def _keep_older(path: Path) -> None:
    """Records are evidence: the one of an erasure before gets a name of its own."""
    older = read_record(path)
    if older is not None:
        when = "".join(character for character in older["begun_at"] if character.isalnum())
        proof = path.with_name(PROOF)
        proof.replace(proof.with_name(f"keys.erased.{when}.json"))


def _is_whole(path: Path) -> bool:
    try:
        read_header(path)
    except KeyFileError:
        return False
    return True


def _write(proof: Path, told: dict[str, Any], *, entropy: Entropy) -> None:
    temporary = proof.with_name(f".{proof.name}.{entropy.bytes(8).hex()}")
    write_durably(temporary, (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode())
    temporary.replace(proof)
    sync_folder(proof.parent)
