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

from openehc.crypto.keyfile import KeyFileMissing, sync_folder, write_durably
from openehc.crypto.keyfile_changing import PREVIOUS
from openehc.crypto.sm3 import sm3_upper
from openehc.crypto.wiping import RANDOM_PASSES, overwrite
from openehc.kernel.ids import Entropy

PROOF: Final = "keys.erased.json"
METHOD: Final = f"overwritten in place: {RANDOM_PASSES} times at random, once with zeros; removed"


@dataclass(frozen=True, slots=True)
class Erasure:
    """Whose keys are erased, by whom and why, and the check values of the keys."""

    ehcin: str
    who: str
    reason: str
    check_values: Mapping[str, str]


def files_to_erase(path: Path) -> list[Path]:
    """The key file, and the older one that a change which was cut short left behind."""
    return [place for place in (path, path.with_name(path.name + PREVIOUS)) if place.exists()]


def erase_key_file(path: Path, erasure: Erasure, *, now: datetime, entropy: Entropy) -> Path:
    """Overwrite and remove the file; returns the place of the record.

    The record is written before anything is lost, and marked as completed afterwards.
    Raises `KeyFileMissing`; OSError when the file cannot be overwritten.
    """
    places = files_to_erase(path)
    if path not in places:
        raise KeyFileMissing(f"there is no key file at {path}: nothing to erase")
    told = {
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
    proof = path.with_name(PROOF)
    _write(proof, {**told, "completed": "no"}, entropy=entropy)
    for place in places:
        overwrite(place, entropy=entropy)
        place.unlink()
    sync_folder(path.parent)
    _write(proof, {**told, "completed": "yes"}, entropy=entropy)
    return proof


def _write(proof: Path, told: dict[str, Any], *, entropy: Entropy) -> None:
    temporary = proof.with_name(f".{proof.name}.{entropy.bytes(8).hex()}")
    write_durably(temporary, (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode())
    temporary.replace(proof)
    sync_folder(proof.parent)
