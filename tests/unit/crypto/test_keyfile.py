"""The sealed key file: what goes in comes out, and everything else says what to do."""

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openehc.crypto.keyfile import (
    KeyFileDamaged,
    KeyFileExists,
    KeyFileMissing,
    KeyPurpose,
    PassphraseTooShort,
    PublicKeysInProduction,
    WrongPassphrase,
    create_key_file,
    open_key_file,
    read_header,
    refuse_public_keys_in_production,
)
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, ModuleKeys
from openehc.crypto.node_keys import NodeKeys, fresh_node_keys
from openehc.crypto.sm3 import sm3
from tests.support.counted_entropy import CountedEntropy
from tests.support.crypto_modules import OTHER_KEYS

NOW = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
PASSPHRASE = "an invented passphrase"


def node_keys(module: ModuleKeys = OTHER_KEYS) -> NodeKeys:
    return NodeKeys(
        module=module,
        sealing={1: bytes(range(16)), 2: bytes(range(16, 32))},
        sealing_current=2,
        blind_index=bytes(range(32)),
        local={"session": bytes(range(32, 64)), "token": bytes(range(64, 80))},
    )


def create(path: Path, keys: NodeKeys | None = None, *, passphrase: str = PASSPHRASE) -> None:
    create_key_file(
        path, passphrase, keys or node_keys(),
        purpose=KeyPurpose.PRODUCTION, now=NOW, entropy=CountedEntropy(),
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "node.keys"
    create(place)
    return place


def rewritten(path: Path, **changes: object) -> None:
    """Change fields as an attacker would: with a fitting checksum."""
    fields = json.loads(path.read_bytes()) | changes
    del fields["checksum"]
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    path.write_text(json.dumps({**fields, "checksum": sm3(canonical).hex()}))


def test_the_keys_come_back(path: Path) -> None:
    assert open_key_file(path, PASSPHRASE) == node_keys()


def test_the_header_reads_without_the_passphrase(path: Path) -> None:
    header = read_header(path)

    assert (header.purpose, header.created) == (KeyPurpose.PRODUCTION, NOW)


def test_no_key_stands_in_the_file(path: Path) -> None:
    text = path.read_text()

    assert OTHER_KEYS.safe_key.hex() not in text
    assert node_keys().blind_index.hex() not in text


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX")
def test_only_the_owner_may_read_the_file(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_temporary_file_is_left(path: Path) -> None:
    assert list(path.parent.iterdir()) == [path]


def test_an_existing_file_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()

    with pytest.raises(KeyFileExists, match="move the old file away"):
        create(path, passphrase="another passphrase")

    assert path.read_bytes() == before


def test_a_refused_creation_leaves_no_temporary_file(path: Path) -> None:
    with pytest.raises(KeyFileExists):
        create(path)

    assert list(path.parent.iterdir()) == [path]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyFileMissing, match="backup"):
        open_key_file(tmp_path / "absent.keys", PASSPHRASE)


def test_a_wrong_passphrase_is_told_from_damage(path: Path) -> None:
    with pytest.raises(WrongPassphrase, match="check which passphrase"):
        open_key_file(path, PASSPHRASE + "!")


def test_one_passphrase_in_two_unicode_forms_opens(tmp_path: Path) -> None:
    place = tmp_path / "node.keys"
    create(place, passphrase="caf\u00e9 caf\u00e9")

    assert open_key_file(place, "cafe\u0301 cafe\u0301") == node_keys()


@pytest.mark.parametrize("field", ["format", "version", "purpose", "created", "kdf", "body"])
def test_a_lost_field_is_damage(path: Path, field: str) -> None:
    fields = json.loads(path.read_bytes())
    del fields[field]
    path.write_text(json.dumps(fields))

    with pytest.raises(KeyFileDamaged, match="backup"):
        open_key_file(path, PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"\xff\xfe", b'{"checksum": 1}', b"{"])
def test_a_file_of_something_else_is_damage(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(KeyFileDamaged):
        open_key_file(path, PASSPHRASE)


def test_no_changed_octet_goes_unnoticed(path: Path) -> None:
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(KeyFileDamaged):
            read_header(path)


def test_a_purpose_changed_on_purpose_does_not_open(path: Path) -> None:
    rewritten(path, purpose="demo")

    with pytest.raises(WrongPassphrase, match="edited the file"):
        open_key_file(path, PASSPHRASE)


def test_a_cheaper_derivation_cannot_be_slipped_in(path: Path) -> None:
    kdf = json.loads(path.read_bytes())["kdf"]
    rewritten(path, kdf={**kdf, "n": 2})

    with pytest.raises(KeyFileDamaged):
        open_key_file(path, PASSPHRASE)


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PassphraseTooShort, match="at least 8"):
        create(tmp_path / "node.keys", passphrase="1234567")


def test_public_test_keys_are_not_written_for_production(tmp_path: Path) -> None:
    with pytest.raises(PublicKeysInProduction):
        create(tmp_path / "node.keys", node_keys(PUBLIC_TEST_KEYS))


def test_a_production_node_refuses_the_public_test_keys() -> None:
    with pytest.raises(PublicKeysInProduction, match="debugging mode"):
        refuse_public_keys_in_production(node_keys(PUBLIC_TEST_KEYS), KeyPurpose.PRODUCTION)


@pytest.mark.requirement("G2-2.5-1")
@pytest.mark.parametrize("mode", [KeyPurpose.DEMO, KeyPurpose.DEBUGGING])
def test_debugging_operation_may_use_the_public_test_keys(tmp_path: Path, mode: KeyPurpose) -> None:
    place = tmp_path / "node.keys"
    create_key_file(
        place, PASSPHRASE, node_keys(PUBLIC_TEST_KEYS),
        purpose=mode, now=NOW, entropy=CountedEntropy(),
    )  # fmt: skip

    keys = open_key_file(place, PASSPHRASE)

    refuse_public_keys_in_production(keys, mode)
    assert keys.module == PUBLIC_TEST_KEYS


def test_a_production_node_takes_its_own_keys() -> None:
    refuse_public_keys_in_production(node_keys(), KeyPurpose.PRODUCTION)


def test_the_keys_do_not_show() -> None:
    shown = f"{node_keys()!r} {node_keys()}"

    assert shown.count("sealing versions [1, 2], current 2, local ['session', 'token']") == 2
    assert "\\x" not in shown


@pytest.mark.parametrize(
    "changed",
    [
        {"sealing_current": 3},
        {"sealing": {70000: bytes(16)}, "sealing_current": 70000},
        {"sealing": {2: bytes(15)}},
        {"blind_index": bytes(16)},
        {"local": {"session": bytes(8)}},
    ],
    ids=["current not held", "version too large", "sealing key", "index key", "local secret"],
)
def test_node_keys_of_a_wrong_shape_are_refused(changed: dict[str, object]) -> None:
    right: dict[str, object] = {
        "module": OTHER_KEYS,
        "sealing": {2: bytes(16)},
        "sealing_current": 2,
        "blind_index": bytes(32),
    }
    with pytest.raises(ValueError):
        NodeKeys(**(right | changed))  # type: ignore[arg-type]  # the wrong shapes on purpose


def test_fresh_keys_all_come_from_the_entropy() -> None:
    sizes = {"a": 16, "b": 32}
    made = [
        fresh_node_keys(OTHER_KEYS, local=sizes, entropy=CountedEntropy(seed))
        for seed in (b"one", b"two")
    ]

    secrets = {
        secret[:16]
        for keys in made
        for secret in (*keys.sealing.values(), keys.blind_index, *keys.local.values())
    }
    assert len(secrets) == 8
