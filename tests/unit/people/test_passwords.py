"""The vault: how many passwords are worked on at once."""

import asyncio
import threading

import pytest

from openehc.people import passwords
from openehc.people.passwords import PasswordVault, TooManySignIns
from tests.support.waiting import until


async def test_a_password_is_known_again_and_nobodys_never() -> None:
    vault = PasswordVault()
    kept = await vault.hashed("Invented-Pass-1")

    assert await vault.matches("Invented-Pass-1", kept)
    assert not await vault.matches("invented-Pass-1", kept)
    assert not await vault.matches("nobody's password", None)
    assert not await vault.matches("Invented-Pass-1", "no hash")


async def test_more_than_may_wait_are_refused_and_those_before_are_served() -> None:
    vault = PasswordVault(at_once=1, waiting=2)

    asked = [vault.matches("Invented-Pass-1", None) for _ in range(5)]
    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(answer) for answer in answers].count(TooManySignIns) == 2
    assert answers.count(False) == 3
    assert await vault.matches("Invented-Pass-1", None) is False


async def test_a_hash_is_slow_and_hungry_enough() -> None:
    kept = await PasswordVault().hashed("Invented-Pass-1")

    assert kept.startswith("$argon2id$v=19$m=32768,t=3,p=1$")


class HeldHasher:
    """Hashes when it is let, and keeps in which thread."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.thread: threading.Thread | None = None

    def hash(self, password: str) -> str:
        self.thread = threading.current_thread()
        assert self.thread is threading.main_thread() or self.go.wait(60)
        return password[::-1]


async def test_the_loop_goes_on_while_a_password_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher, vault = HeldHasher(), PasswordVault()
    monkeypatch.setattr(passwords, "_HASHER", hasher)
    hashing = asyncio.create_task(vault.hashed("Invented-Pass-1"))

    await until(lambda: hasher.thread is not None)
    went_on = not hashing.done()
    hasher.go.set()
    await hashing

    assert went_on
    assert hasher.thread is not threading.main_thread()


@pytest.mark.parametrize("kept", ["", "$argon2id$", "plain"])
async def test_a_broken_hash_matches_nothing(kept: str) -> None:
    assert not await PasswordVault().matches("", kept)
