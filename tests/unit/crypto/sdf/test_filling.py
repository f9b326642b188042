"""Filling keys into a device behind an SDF library (密钥灌装), and the page that proves it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from openehc.cli.main import main
from openehc.crypto.ceremony import KeyName
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from openehc.wiring.demo import EHCIN
from tests.support.crypto_modules import OTHER_KEYS
from tests.support.proxied_nodes import node_folder
from tests.support.sdf_double import KEK_INDEX, SdfDouble, sdf_double, under_kek

SAFE: Final = under_kek(PUBLIC_TEST_KEYS.safe_key).hex()
PROTECT: Final = under_kek(PUBLIC_TEST_KEYS.protect_key).hex()


@dataclass(frozen=True, slots=True)
class Place:
    """A node and a device that holds other keys than the node is to have."""

    data: Path
    device: SdfDouble

    def keys(self, *words: str, typed: str = "") -> Result:
        options = ("--data", str(self.data), "--crypto", f"sdf:{self.device.path}")
        return CliRunner().invoke(main, ["keys", *words, *options], input=typed)

    def told(self, lines: str) -> None:
        """Write what a command printed into node.toml."""
        with (self.data / "node.toml").open("a") as file:
            file.write(f"\n[crypto]\n{lines}\n")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with sdf_double(OTHER_KEYS) as device:
        yield Place(node_folder(tmp_path, "n"), device)


def printed(result: Result) -> str:
    """The lines for node.toml in what a command printed."""
    assert result.exit_code == 0, result.output
    return "\n".join(re.findall(r"^  (\w+ = .+)$", result.output, re.MULTILINE))


def bring(place: Place, name: str, key: str) -> Result:
    return place.keys("device", "fill", name, "--kek-index", str(KEK_INDEX), "--encrypted", key)


@pytest.mark.requirement("G2-A-5.1-6")
def test_keys_under_the_devices_own_key_make_the_same_ids_as_everywhere(place: Place) -> None:
    safe, protect = bring(place, "safe-key", SAFE), bring(place, "protect-key", PROTECT)
    place.told("\n".join(dict.fromkeys((printed(safe) + "\n" + printed(protect)).split("\n"))))

    kept = place.keys("check", "--keep")
    compared = CliRunner().invoke(main, ["keys", "check", "--data", str(place.data)])

    assert kept.exit_code == 0, kept.output
    # the software module of this node holds the same public test keys
    assert (compared.exit_code, "All as at the filling." in compared.output) == (0, True)
    assert KeyName.SAFE.check(PUBLIC_TEST_KEYS.safe_key) in safe.output


def test_a_key_that_was_made_inside_works_in_this_device_only(place: Place) -> None:
    words = ("--kek-index", str(KEK_INDEX))
    made = place.keys("device", "generate", "safe-key", *words, typed=f"{EHCIN}\n")
    place.told(printed(made) + "\nprotect_index = 2")

    kept = place.keys("check", "--keep")

    assert kept.exit_code == 0, kept.output
    again = place.keys("device", "generate", "safe-key", *words, typed=f"{EHCIN}\n")
    assert printed(made) != printed(again)


def test_a_kept_page_is_not_replaced_by_another(place: Place) -> None:
    place.told("safe_index = 1\nprotect_index = 2")

    first, second = place.keys("check", "--keep"), place.keys("check", "--keep")

    assert (first.exit_code, second.exit_code) == (0, 1)
    assert "move it away first" in second.output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--kek-index", "20", "--encrypted", SAFE), "SDR_KEYNOTEXIST"),
        (("--kek-index", "9", "--encrypted", "ab"), "32 hex digits"),
        (("--kek-index", "9", "--encrypted", "XY" * 16), "32 hex digits"),
    ],
    ids=["no such KEK", "short", "no hex"],
)
def test_what_the_device_cannot_use_is_refused_in_one_line(
    place: Place, words: tuple[str, ...], reason: str
) -> None:
    refused = place.keys("device", "fill", "safe-key", *words)

    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert reason in refused.output


@pytest.mark.parametrize(
    ("crypto", "reason"),
    [
        ("soft", "ehc keys fill"), ("machine:127.0.0.1", "maker's tool"),
        ("sdf:/nowhere.so", "cannot be loaded"),
    ],
)  # fmt: skip
def test_other_modules_say_where_their_keys_are_filled(
    place: Place, crypto: str, reason: str
) -> None:
    words = ["keys", "device", "fill", "safe-key", "--kek-index", "9", "--encrypted", SAFE]
    options = ["--data", str(place.data), "--crypto", crypto]

    refused = CliRunner().invoke(main, [*words, *options])

    assert (refused.exit_code, reason in refused.output) == (1, True)


def test_without_the_number_of_the_node_no_key_is_made(place: Place) -> None:
    refused = place.keys("device", "generate", "safe-key", "--kek-index", "9", typed="no\n")

    assert (refused.exit_code, "safe_under_kek" in refused.output) == (1, False)


def test_the_help_says_what_machines_cannot_do() -> None:
    shown = CliRunner().invoke(main, ["keys", "device", "--help"]).output

    assert "SJJ1310 family have no command" in " ".join(shown.split())
