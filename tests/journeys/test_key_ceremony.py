"""A key ceremony, a rotation under load with a kill in the middle, and an erasure, as typed."""

import itertools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from openehc.cli.main import main
from openehc.crypto.ceremony import KeyName
from openehc.crypto.keyfile import KeyPurpose, open_key_file
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from openehc.wiring.creating import create_node
from openehc.wiring.filling import held_key

PASSPHRASE = "an invented passphrase"
EHCIN = "9901A0001"


@dataclass(frozen=True, slots=True)
class Place:
    """A node's folder, and `ehc keys` about it."""

    data: Path

    def keys(self, *words: str, typed: str = "") -> Result:
        """`ehc keys ...` with what somebody types."""
        command, *rest = words
        return CliRunner().invoke(
            main, ["keys", command, *rest, "--data", str(self.data)], input=typed
        )

    def held(self, name: KeyName) -> bytes:
        """The key that is in use."""
        return held_key(open_key_file(self.data / "keys.json", PASSPHRASE), name)

    def secrets(self) -> set[str]:
        """What must never be shown: every key in hex."""
        return {self.held(name).hex() for name in KeyName}


def made(folder: Path, mode: KeyPurpose = KeyPurpose.PRODUCTION) -> Place:
    folder.mkdir()
    (folder / "passphrase").write_text(PASSPHRASE)
    create_node(folder, ehcin=EHCIN, mode=mode, passphrase=PASSPHRASE, passphrase_file="passphrase")
    return Place(folder)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return made(tmp_path / "node")


@pytest.fixture
def other(tmp_path: Path) -> Place:
    return made(tmp_path / "other")


def sheets(place: Place, folder: Path, *how: str, name: str = "safe-key") -> list[str]:
    result = place.keys("split", name, "--out", str(folder), *how)
    assert result.exit_code == 0, result.output
    return [word for path in sorted(folder.iterdir()) for word in ("--sheet", str(path))]


def words_of(option: str) -> str:
    return " ".join(Path(option).read_text().split("\n\n")[1].split())


# ---------------------------------------------------------------- filling


@pytest.mark.parametrize("how", [("--shares", "2/3"), ("--components", "3")])
@pytest.mark.parametrize("name", [KeyName.SAFE, KeyName.PROTECT])
def test_a_key_travels_on_sheets_from_one_node_to_another(
    place: Place, other: Place, tmp_path: Path, how: tuple[str, str], name: KeyName
) -> None:
    files = sheets(place, tmp_path / "sheets", *how, name=name.value)

    result = other.keys("fill", name.value, *files, typed=f"{EHCIN}\n")

    assert result.exit_code == 0, result.output
    assert other.held(name) == place.held(name)


def test_shares_are_typed_in_hidden(place: Place, other: Place, tmp_path: Path) -> None:
    files = sheets(place, tmp_path / "sheets", "--shares", "2/3")
    words = [words_of(path) for path in files[1::2]]
    check = KeyName.SAFE.check(place.held(KeyName.SAFE))

    result = other.keys("fill", "safe-key", typed=f"{check}\n{words[2]}\n{words[0]}\n{EHCIN}\n")

    assert (result.exit_code, other.held(KeyName.SAFE)) == (0, place.held(KeyName.SAFE))
    pairs = itertools.pairwise(words[0].split())  # alone, a word may stand in any sentence
    assert [pair for pair in pairs if " ".join(pair) in result.output] == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda words: "openehc " + words[0].split(" ", 1)[1], "not a word of the list"),
        (lambda words: " ".join(reversed(words[0].split())), "wrong place"),
        (lambda words: words[2], "given already"),
    ],
    ids=["unknown word", "damaged", "repeated"],
)
def test_a_share_that_cannot_be_is_asked_for_again(
    place: Place, other: Place, tmp_path: Path, spoil: object, told: str
) -> None:
    files = sheets(place, tmp_path / "sheets", "--shares", "2/3")
    words = [words_of(path) for path in files[1::2]]
    check = KeyName.SAFE.check(place.held(KeyName.SAFE))

    result = other.keys(
        "fill", "safe-key",
        typed=f"{check}\n{words[2]}\n{spoil(words)}\n{words[0]}\n{EHCIN}\n",  # type: ignore[operator]
    )  # fmt: skip

    assert told in result.output
    assert other.held(KeyName.SAFE) == place.held(KeyName.SAFE)


def test_components_are_typed_in_with_their_check_values(
    place: Place, other: Place, tmp_path: Path
) -> None:
    files = sheets(place, tmp_path / "sheets", "--components", "2")
    texts = [Path(path).read_text() for path in files[1::2]]
    checks = [re.search(r"check_of_part: (\w+)", text)[1] for text in texts]  # type: ignore[index]
    parts = [words_of(path) for path in files[1::2]]
    typed = [KeyName.SAFE.check(place.held(KeyName.SAFE))]
    typed += [parts[0], checks[1], parts[0], checks[0], parts[1], checks[1], EHCIN]

    result = other.keys("fill", "safe-key", "--components", "2", typed="\n".join(typed) + "\n")

    assert "type it again" in result.output  # the first time it got the other's check value
    assert other.held(KeyName.SAFE) == place.held(KeyName.SAFE)


def test_too_few_sheets_fill_nothing(place: Place, other: Place, tmp_path: Path) -> None:
    files = sheets(place, tmp_path / "sheets", "--shares", "3/4")
    before = (other.data / "keys.json").read_bytes()

    result = other.keys("fill", "safe-key", *files[:4], typed=f"{EHCIN}\n")

    assert "3 shares are needed, 2 were given" in result.output
    assert (other.data / "keys.json").read_bytes() == before


def test_simulated_keys_are_not_filled_into_a_production_node(place: Place, tmp_path: Path) -> None:
    trial = made(tmp_path / "trial", KeyPurpose.DEBUGGING)
    files = sheets(trial, tmp_path / "sheets", "--shares", "2/2")

    result = place.keys("fill", "safe-key", *files, typed=f"{EHCIN}\n")

    assert (result.exit_code, "never mixed" in result.output) == (1, True)


def test_a_filling_that_is_not_confirmed_changes_nothing(place: Place) -> None:
    before = (place.data / "keys.json").read_bytes()

    result = place.keys("generate", "safe-key", typed="9901A0002\n")

    assert (result.exit_code, (place.data / "keys.json").read_bytes()) == (1, before)


def test_a_filling_shows_check_values_before_and_after(place: Place) -> None:
    before = KeyName.SAFE.check(place.held(KeyName.SAFE))

    result = place.keys("generate", "safe-key", typed=f"{EHCIN}\n")

    after = KeyName.SAFE.check(place.held(KeyName.SAFE))
    assert re.search(rf"^safe-key\s+{before}\s+{after}  \*$", result.output, re.MULTILINE)


def test_no_command_shows_a_key(place: Place, tmp_path: Path) -> None:
    shown = place.keys("show").output
    shown += place.keys("split", "safe-key", "--shares", "2/3", "--out", str(tmp_path / "s")).output
    before = place.secrets()
    shown += place.keys("generate", "protect-key", typed=f"{EHCIN}\n").output
    shown += place.keys("check").output

    assert [key for key in before | place.secrets() if key in shown.lower()] == []


def test_sheets_are_for_their_owner_alone(place: Place, tmp_path: Path) -> None:
    sheets(place, tmp_path / "sheets", "--shares", "2/3")

    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "sheets").iterdir()} == {0o600}


def test_sheets_are_never_overwritten(place: Place, tmp_path: Path) -> None:
    sheets(place, tmp_path / "sheets", "--shares", "2/3")

    again = place.keys("split", "safe-key", "--shares", "2/3", "--out", str(tmp_path / "sheets"))

    assert (again.exit_code, "never overwritten" in again.output) == (1, True)


@pytest.mark.requirement("G2-A-5.1-6")
def test_after_a_filling_the_same_person_has_the_same_ids(place: Place) -> None:
    place.keys("generate", "safe-key", typed=f"{EHCIN}\n")

    result = place.keys("check")

    assert (result.exit_code, "All as at the filling." in result.output) == (0, True)


@pytest.mark.requirement("G2-A-5.1-6")
def test_another_key_than_at_the_filling_is_noticed(place: Place) -> None:
    place.keys("generate", "safe-key", typed=f"{EHCIN}\n")
    page = place.data / "keys.filled.json"
    kept = place.data.parent / "kept.json"
    kept.write_bytes(page.read_bytes())
    place.keys("generate", "safe-key", typed=f"{EHCIN}\n")

    result = place.keys("check", "--with", str(kept))

    assert result.exit_code == 1
    assert "not as at the filling: ehealth_card_id, safe_key" in result.output


def test_show_tells_formal_and_simulated_keys_apart(place: Place, tmp_path: Path) -> None:
    trial = made(tmp_path / "trial", KeyPurpose.DEBUGGING)

    shown = [one.keys("show").output.splitlines()[0] for one in (place, trial)]

    assert shown == ["purpose   production", "purpose   debugging  (the public test keys)"]
    assert trial.held(KeyName.SAFE) == PUBLIC_TEST_KEYS.safe_key


def test_the_passphrase_is_changed(place: Place) -> None:
    new = place.data.parent / "new"
    new.write_text("another passphrase\n")

    result = place.keys("passphrase", "--new-passphrase-file", str(new))

    assert result.exit_code == 0, result.output
    assert open_key_file(place.data / "keys.json", "another passphrase").sealing_current == 1


# ---------------------------------------------------------------- erasing


@pytest.mark.requirement("G2-2.8-4")
def test_keys_are_erased_with_a_record(place: Place) -> None:
    check = KeyName.SAFE.check(place.held(KeyName.SAFE))

    result = place.keys("erase", typed=f"示例管理员\n停用\n{EHCIN}\n")

    assert result.exit_code == 0, result.output
    assert not (place.data / "keys.json").exists()
    told = json.loads((place.data / "keys.erased.json").read_text("utf-8"))
    assert (told["who"], told["reason"]) == ("示例管理员", "停用")
    assert told["check_values"]["safe-key"] == check


def test_a_dry_run_erases_nothing(place: Place) -> None:
    result = place.keys("erase", "--dry-run", typed=f"示例管理员\n停用\n{EHCIN}\n")

    assert "to be erased" in result.output
    assert place.held(KeyName.SAFE)


def test_an_erasure_without_the_right_number_erases_nothing(place: Place) -> None:
    result = place.keys("erase", typed="示例管理员\n停用\nyes\n")

    assert result.exit_code == 1
    assert place.held(KeyName.SAFE)


def test_keys_that_nobody_can_open_are_erased_too(place: Place) -> None:
    (place.data / "passphrase").write_text("forgotten words")

    place.keys("erase", "--passphrase-lost", typed=f"示例管理员\n停用\n{EHCIN}\n")

    assert not (place.data / "keys.json").exists()
