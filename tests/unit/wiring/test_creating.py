"""Making a node: what is written, how it is protected, what is never overwritten."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from openehc.access.credentials import SECRET_ALPHABET, SECRET_LENGTH
from openehc.access.numbers import WrongNumber
from openehc.crypto.keyfile import KeyFileExists, KeyPurpose, open_key_file
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, is_public_test_key
from openehc.wiring.creating import (
    create_node,
    new_secret,
    write_private,
)
from openehc.wiring.settings import read_settings

PASSPHRASE = "a test passphrase of some length"


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def made(folder: Path, mode: KeyPurpose = KeyPurpose.PRODUCTION, **told: str) -> Path:
    data = folder / "node"
    create_node(
        data, ehcin=told.get("ehcin", "9901A0001"), mode=mode, passphrase=PASSPHRASE,
        passphrase_file=told.get("passphrase_file"),
    )  # fmt: skip
    return data


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    assert mode_of(made(tmp_path) / "keys.json") == 0o600


def test_the_folder_lets_others_pass_but_not_look(tmp_path: Path) -> None:
    assert mode_of(made(tmp_path)) == 0o711


def test_a_production_node_gets_fresh_keys(tmp_path: Path) -> None:
    keys = open_key_file(made(tmp_path) / "keys.json", PASSPHRASE)

    assert not is_public_test_key(keys.module)


def test_two_production_nodes_get_different_keys(tmp_path: Path) -> None:
    keys = [open_key_file(made(tmp_path / name) / "keys.json", PASSPHRASE).module for name in "ab"]

    assert keys[0] != keys[1]


@pytest.mark.requirement("G2-2.5-1")
@pytest.mark.parametrize("mode", [KeyPurpose.DEMO, KeyPurpose.DEBUGGING])
def test_a_node_for_trying_out_gets_the_public_keys(tmp_path: Path, mode: KeyPurpose) -> None:
    assert open_key_file(made(tmp_path, mode) / "keys.json", PASSPHRASE).module == PUBLIC_TEST_KEYS


def test_an_existing_node_is_never_overwritten(tmp_path: Path) -> None:
    data = made(tmp_path)
    before = {path: path.read_bytes() for path in data.iterdir()}

    with pytest.raises(KeyFileExists):
        made(tmp_path, ehcin="9902B0007")

    assert {path: path.read_bytes() for path in data.iterdir()} == before


def test_a_wrong_number_makes_no_node(tmp_path: Path) -> None:
    with pytest.raises(WrongNumber):
        made(tmp_path, ehcin="9901")

    assert list(tmp_path.iterdir()) == []


def test_the_new_node_can_be_read(tmp_path: Path) -> None:
    settings = read_settings(made(tmp_path, KeyPurpose.DEBUGGING))

    assert (settings.ehcin, settings.mode) == ("9901A0001", KeyPurpose.DEBUGGING)


@pytest.mark.parametrize("name", ["pass phrase", 'a "quoted" name', "back\\slash", "口令文件"])
def test_a_passphrase_file_of_any_name_is_found_again(tmp_path: Path, name: str) -> None:
    data = made(tmp_path, passphrase_file=name)

    assert read_settings(data).passphrase_file == data / name


def test_the_settings_hold_no_secret(tmp_path: Path) -> None:
    data = made(tmp_path)

    assert PASSPHRASE not in (data / "node.toml").read_text(encoding="utf-8")


def test_a_secret_has_32_printable_characters() -> None:
    secret = new_secret()

    assert len(secret) == SECRET_LENGTH
    assert set(secret) <= set(SECRET_ALPHABET)


def test_no_character_of_a_secret_disturbs_the_signed_text() -> None:
    assert not set(SECRET_ALPHABET) & set("&'\"\\ `")


def test_secrets_do_not_repeat() -> None:
    assert new_secret() != new_secret()


def test_a_private_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "private"
    write_private(path, "密")

    assert (mode_of(path), path.read_text(encoding="utf-8")) == (0o600, "密")


def test_a_private_file_replaces_one_that_everybody_could_read(tmp_path: Path) -> None:
    path = tmp_path / "private"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")

    assert mode_of(path) == 0o600


def test_nothing_is_left_beside_a_private_file(tmp_path: Path) -> None:
    write_private(tmp_path / "private", "text")

    assert [path.name for path in tmp_path.iterdir()] == ["private"]
