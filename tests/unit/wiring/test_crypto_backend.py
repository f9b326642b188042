"""The one setting that chooses the crypto module."""

from pathlib import Path

import pytest

from openehc.crypto.module.machine import MachineCryptoModule
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.wiring.crypto_backend import (
    MOST_PLACES,
    Kind,
    WrongBackend,
    open_module,
    parse_backend,
)
from openehc.wiring.settings import WrongSettings, read_settings


def test_several_machines_are_named_with_and_without_a_port() -> None:
    backend = parse_backend("machine:10.1.0.11,10.1.0.12:9000")

    assert backend.machines == (("10.1.0.11", 8018), ("10.1.0.12", 9000))


def test_a_library_is_named_by_its_path() -> None:
    assert parse_backend("sdf:/opt/maker/libsdf.so").library == Path("/opt/maker/libsdf.so")


@pytest.mark.parametrize(
    "text",
    ["", "hard", "machine:", "machine:,", "machine:h:0", "machine:h:70000", "machine:h:x", "sdf:",
     "soft:1"],
)  # fmt: skip
def test_a_setting_that_names_no_module_is_refused(text: str) -> None:
    with pytest.raises(WrongBackend, match="expected"):
        parse_backend(text)


@pytest.mark.parametrize(
    "places", [{"safe_index": 10_000}, {"key_type": "0"}, {"unheard_of": 1}], ids=str
)
def test_a_key_place_that_cannot_be_is_refused(places: dict[str, object]) -> None:
    with pytest.raises(WrongBackend):
        parse_backend("machine:h", places)


def test_the_soft_module_takes_the_keys_of_the_key_file() -> None:
    module = open_module(parse_backend("soft"), PUBLIC_TEST_KEYS)

    assert isinstance(module, SoftCryptoModule)


async def test_a_machine_that_is_away_does_not_stop_the_start() -> None:
    module = open_module(parse_backend("machine:127.0.0.1:1"), PUBLIC_TEST_KEYS)

    assert isinstance(module, MachineCryptoModule)
    assert not (await module.health()).alive
    await module.close()


def test_the_command_line_changes_the_backend_and_keeps_the_key_places(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(
        '[node]\nehcin = "9901A0001"\n[crypto]\nbackend = "soft"\nprotect_index = 120\n', "utf-8"
    )

    settings = read_settings(tmp_path, crypto="machine:h")

    assert settings.crypto.kind is Kind.MACHINE
    assert settings.crypto.places.protect_index == 120


def test_a_wrong_backend_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(
        '[node]\nehcin = "9901A0001"\n[crypto]\nbackend = "hard"\n', "utf-8"
    )

    with pytest.raises(WrongSettings, match="hard"):
        read_settings(tmp_path)


@pytest.mark.parametrize("kind", ["machine:10.0.0.{}", "proxy:http://10.0.0.{}:8019"])
def test_more_machines_or_proxies_than_health_can_ask_are_refused(kind: str) -> None:
    first, *others = (kind.format(number) for number in range(1, MOST_PLACES + 2))
    rest = ",".join(other.split(":", 1)[1] for other in others)

    with pytest.raises(WrongBackend, match=f"{MOST_PLACES} at the most"):
        parse_backend(f"{first},{rest}")
