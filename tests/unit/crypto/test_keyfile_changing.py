"""Changing and erasing a key file: the old one or the new one, never half of either."""

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openehc.crypto.keyfile import (
    KeyFileMissing,
    KeyPurpose,
    PassphraseTooShort,
    PublicKeysInProduction,
    WrongPassphrase,
    create_key_file,
    open_key_file,
    read_header,
)
from openehc.crypto.keyfile_changing import change_key_file, change_passphrase
from openehc.crypto.keyfile_erasing import PROOF, Erasure, erase_key_file
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from openehc.crypto.node_keys import (
    NodeKeys,
    fresh_node_keys,
    with_current_index,
    with_module_keys,
    with_new_index_key,
    with_new_sealing_key,
    without_versions,
)
from openehc.crypto.sm3 import sm3_upper
from tests.support.counted_entropy import CountedEntropy
from tests.support.crypto_modules import OTHER_KEYS

NOW = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
LATER = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)
PASSPHRASE = "an invented passphrase"
ERASURE = Erasure("9901A0001", "示例管理员", "停用", {"safe-key": "0123456789ABCDEF"})

# Written by the first format, under the public test keys.
FIRST_FORMAT = {
    "format": "openehc-keys",
    "version": 1,
    "purpose": "debugging",
    "created": "2026-03-01T00:30:00+00:00",
    "kdf": {
        "name": "scrypt", "n": 32768, "r": 8, "p": 1, "salt": "f9fcdd9f9a6b212b9e1a79ec15dcb29f",
    },
    "body": "0a1321c6e2b691abff336cef1c72ac1d2caa53806dc48b4599c12ec4b4a5962d22ec4f9b0844c4117be7"
    "f76e1ec43275219b92122d3c8a4cfc7bc00a40af58b3c4e05fed1ad563ad72f3e40c62f971ad9439074ac769d4f5"
    "6d0c1caeb4102178739dc1e5d4de47d9491de5a6daf6b4c3d0fe57aaa7a4ca6ad9101706869f299f58492a692773"
    "0e74622e09f2c24d2438072eac506a5406ee2d6ed0ab392afd43e56916cc38a9558950e83aaa203b57d67ed48773"
    "6e35e0028b1a694f3e12f27314982bfe605dafd5be00d109e84633ead44ded87081967421d53b15a8f1629a26a04"
    "4901d0145bf66a6cbf671846efe873a03a9940a6f3935bbd20804877b4d6818cfa5a6511bb3f36075fbf1547ecf9"
    "8cba617088b1d715029ba5af41e24df3253f9f6ece57e106fdfed3baaa793f8b72a1d9a2c37e8e3c39d09de563a3"
    "06aba877731bebe0ee1a0eaaddb27b9dd1c5d49484ccb211a4824aa2569ab9b38ad4264365b48ad981fc8841dd",
    "checksum": "ed75bd7a5937a91e26f42066c960519b5c4d335eb39bf4df6aae777552d406ab",
}  # fmt: skip


def fresh() -> NodeKeys:
    return fresh_node_keys(OTHER_KEYS, local={"session": 32}, entropy=CountedEntropy())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "keys.json"
    create_key_file(
        place, PASSPHRASE, fresh(), purpose=KeyPurpose.PRODUCTION, now=NOW,
        entropy=CountedEntropy(),
    )  # fmt: skip
    return place


def changed(path: Path, passphrase: str = PASSPHRASE) -> NodeKeys:
    done = change_key_file(
        path, passphrase, lambda keys: with_new_sealing_key(keys, b"2" * 16),
        now=LATER, entropy=CountedEntropy(b"change"),
    )  # fmt: skip
    return done.after


def names(path: Path) -> set[str]:
    return {place.name for place in path.parent.iterdir()} - {f".{path.name}.lock"}


def test_the_changed_keys_come_back(path: Path) -> None:
    after = changed(path)

    assert open_key_file(path, PASSPHRASE) == after


def test_a_change_leaves_one_file(path: Path) -> None:
    changed(path)

    assert names(path) == {"keys.json"}


def test_a_change_keeps_purpose_and_creation(path: Path) -> None:
    changed(path)

    header = read_header(path)
    assert (header.purpose, header.created, header.written) == (KeyPurpose.PRODUCTION, NOW, LATER)


def test_every_writing_takes_a_new_salt(path: Path) -> None:
    before = read_header(path).salt
    changed(path)

    assert read_header(path).salt != before


def test_a_change_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    before = path.read_bytes()

    def fail(_: NodeKeys) -> NodeKeys:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change_key_file(path, PASSPHRASE, fail, now=LATER, entropy=CountedEntropy())

    assert (path.read_bytes(), names(path)) == (before, {"keys.json"})


def test_a_wrong_passphrase_changes_nothing(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(WrongPassphrase):
        changed(path, "another passphrase")

    assert path.read_bytes() == before


def test_public_test_keys_are_not_filled_into_a_production_file(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(PublicKeysInProduction):
        change_key_file(
            path, PASSPHRASE, lambda keys: with_module_keys(keys, PUBLIC_TEST_KEYS, filled_at=NOW),
            now=LATER, entropy=CountedEntropy(),
        )  # fmt: skip

    assert (path.read_bytes(), names(path)) == (before, {"keys.json"})


def test_the_old_file_is_kept_until_the_new_one_was_read_back(path: Path) -> None:
    """The last reading fails here, as on a disk that loses what it was given."""
    before = path.read_bytes()

    class Lost(Exception):
        pass

    class LosingKeys(NodeKeys):
        """Equal to what is read aside, unequal to what is read at its place."""

        compared = 0

        def __eq__(self, other: object) -> bool:
            type(self).compared += 1
            if type(self).compared == 2:
                raise Lost
            return True

        __hash__ = None  # type: ignore[assignment]

    keys = fresh()
    losing = LosingKeys(keys.module, keys.sealing, 1, keys.blind_index)
    with pytest.raises(Lost):
        change_key_file(path, PASSPHRASE, lambda _: losing, now=LATER, entropy=CountedEntropy())

    assert path.with_name("keys.json.previous").read_bytes() == before


def test_the_next_change_clears_what_a_killed_one_left(path: Path) -> None:
    os.link(path, path.with_name("keys.json.previous"))

    changed(path)

    assert names(path) == {"keys.json"}


def test_two_changes_at_once_are_both_made(path: Path) -> None:
    def add(name: str) -> None:
        change_key_file(
            path, PASSPHRASE,
            lambda keys: replace(keys, local={**keys.local, name: bytes(16)}),
            now=LATER, entropy=CountedEntropy(name.encode()),
        )  # fmt: skip

    threads = [threading.Thread(target=add, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {"a", "b"} <= set(open_key_file(path, PASSPHRASE).local)


def test_after_a_new_passphrase_the_old_one_opens_no_more(path: Path) -> None:
    change_passphrase(
        path, PASSPHRASE, "another passphrase", now=LATER, entropy=CountedEntropy(b"p")
    )

    with pytest.raises(WrongPassphrase):
        open_key_file(path, PASSPHRASE)
    assert open_key_file(path, "another passphrase") == fresh()


def test_a_short_new_passphrase_is_refused(path: Path) -> None:
    with pytest.raises(PassphraseTooShort):
        change_passphrase(path, PASSPHRASE, "1234567", now=LATER, entropy=CountedEntropy())


# ---------------------------------------------------------------- formats and dates


def test_a_file_of_the_first_format_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(FIRST_FORMAT))

    assert open_key_file(path, PASSPHRASE) == fresh_node_keys(
        PUBLIC_TEST_KEYS, local={"session": 32}, entropy=CountedEntropy(b"v1")
    )


def test_a_file_of_the_first_format_is_written_in_the_present_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(FIRST_FORMAT))

    changed(path)

    assert json.loads(path.read_text())["version"] == 2


def test_keys_of_an_old_file_count_as_filled_when_it_was_created(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(FIRST_FORMAT))

    assert open_key_file(path, PASSPHRASE).filled_at == NOW


def test_the_filling_date_is_kept(path: Path) -> None:
    change_key_file(
        path, PASSPHRASE, lambda keys: with_module_keys(keys, OTHER_KEYS, filled_at=LATER),
        now=LATER, entropy=CountedEntropy(b"f"),
    )  # fmt: skip

    assert open_key_file(path, PASSPHRASE).filled_at == LATER


def test_several_index_keys_come_back(path: Path) -> None:
    done = change_key_file(
        path, PASSPHRASE,
        lambda keys: with_current_index(with_new_index_key(keys, b"2" * 32), 2),
        now=LATER, entropy=CountedEntropy(b"i"),
    )  # fmt: skip

    keys = open_key_file(path, PASSPHRASE)
    assert (keys, keys.blind_index_version) == (done.after, 2)
    assert keys.blind_indexes == {1: fresh().blind_index, 2: b"2" * 32}


def test_only_one_new_key_waits_at_a_time() -> None:
    with pytest.raises(ValueError, match="waits for its rotation"):
        with_new_sealing_key(with_new_sealing_key(fresh(), bytes(16)), bytes(16))


@pytest.mark.parametrize("versions", [{"sealing": [1]}, {"index": [1]}])
def test_a_key_in_use_is_not_dropped(versions: dict[str, list[int]]) -> None:
    with pytest.raises(ValueError, match="in use"):
        without_versions(fresh(), **versions)


# ---------------------------------------------------------------- erasing


def erased(path: Path) -> dict[str, object]:
    proof = erase_key_file(path, ERASURE, now=LATER, entropy=CountedEntropy(b"e"))
    told: dict[str, object] = json.loads(proof.read_text(encoding="utf-8"))
    return told


@pytest.mark.requirement("G2-2.8-4")
def test_erased_keys_are_gone_and_the_record_says_which(path: Path) -> None:
    content = path.read_bytes()

    told = erased(path)

    assert not path.exists()
    assert told["erased_files"] == [
        {"name": "keys.json", "size": len(content), "sm3": sm3_upper(content)}
    ]
    assert (told["who"], told["reason"], told["ehcin"]) == ("示例管理员", "停用", "9901A0001")
    assert (told["check_values"], told["completed"]) == (dict(ERASURE.check_values), "yes")


def test_the_bytes_are_overwritten_before_the_name_goes(path: Path) -> None:
    """A second name shows what is in the blocks of the file afterwards."""
    witness = path.with_name("witness")
    os.link(path, witness)
    size = witness.stat().st_size

    erased(path)

    assert witness.read_bytes() == bytes(size)


def test_an_older_file_left_by_a_killed_change_is_erased_too(path: Path) -> None:
    previous = path.with_name("keys.json.previous")
    previous.write_bytes(path.read_bytes())

    erased(path)

    assert names(path) == {PROOF}


def test_there_must_be_something_to_erase(tmp_path: Path) -> None:
    with pytest.raises(KeyFileMissing, match="nothing to erase"):
        erase_key_file(tmp_path / "keys.json", ERASURE, now=LATER, entropy=CountedEntropy())
