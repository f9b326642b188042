"""What every crypto module keeps, whoever built it (材料一 6.2.3, 9.5; 材料二 附录F).

Each test runs over every factory in `tests/support/crypto_modules.py`.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from openehc.cli.vector_checks import Case, read_cases
from openehc.crypto.module.port import (
    CryptoModule,
    Identity,
    IdentityNotPlain,
    IdentityTooLong,
    UnfitIdentity,
)
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from openehc.kernel.clock import parse_wire_time, wire_time
from tests.support.crypto_modules import MODULES, OTHER_KEYS, ModuleFactory

VECTORS = Path(__file__).parents[3] / "vectors" / "identifiers.json"
PUBLIC_HEX = {
    "safe_key_hex": PUBLIC_TEST_KEYS.safe_key.hex().upper(),
    "protect_key_hex": PUBLIC_TEST_KEYS.protect_key.hex().upper(),
}
EXPIRES = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
NUMBER = "110100199003072133"
# the blanks are those that a lenient hex reader skips
MALFORMED_MINDEX_IDS = [
    "",
    "0" * 63,
    "G" * 64,
    "00" * 31 + "  ",
    "00" * 16 + " " + "00" * 16,
    "\uff10" * 64,
]


def cases_of(kind: str) -> list[object]:
    """Cases of one kind whose keys are the public test keys."""
    cases = [case for case in read_cases(VECTORS) if case.kind == kind]
    fitting = [
        case
        for case in cases
        if all(case.given.get(name, key) == key for name, key in PUBLIC_HEX.items())
    ]
    return [pytest.param(case, id=case.id) for case in fitting]


@pytest.fixture(params=MODULES.values(), ids=list(MODULES))
def factory(request: pytest.FixtureRequest) -> ModuleFactory:
    made: ModuleFactory = request.param
    return made


@pytest.fixture
async def module(factory: ModuleFactory) -> AsyncIterator[CryptoModule]:
    async with factory(PUBLIC_TEST_KEYS) as made:
        yield made


@pytest.fixture
async def other_module(factory: ModuleFactory) -> AsyncIterator[CryptoModule]:
    async with factory(OTHER_KEYS) as made:
        yield made


class TestMindexId:
    @pytest.mark.requirement("G1-6.2.3-3", "G2-F-2-2", "G3-1.3.2-5", "G2-B-5.1-32")
    @pytest.mark.parametrize("case", cases_of("mindex-id"))
    async def test_is_the_known_answer(self, module: CryptoModule, case: Case) -> None:
        given = case.given

        mindex_id = await module.make_mindex_id(given["id_type"], given["id_no"], given["name"])

        assert mindex_id == case.expect["mindex_id"]

    async def test_does_not_depend_on_the_keys(
        self, module: CryptoModule, other_module: CryptoModule
    ) -> None:
        ours = await module.make_mindex_id("01", NUMBER, "测试甲")

        assert ours == await other_module.make_mindex_id("01", NUMBER, "测试甲")

    async def test_is_of_the_name_as_given(self, module: CryptoModule) -> None:
        plain = await module.make_mindex_id("01", NUMBER, "测试甲")

        assert plain != await module.make_mindex_id("01", NUMBER, "测试甲 ")

    async def test_a_name_that_is_no_unicode_text_is_unfit(self, module: CryptoModule) -> None:
        with pytest.raises(IdentityNotPlain):
            await module.make_mindex_id("01", NUMBER, "\ud800")


class TestEhcid:
    @pytest.mark.requirement("G1-6.2.3-3", "G2-F-2-2", "G3-1.3.2-5", "G2-B-5.1-32")
    @pytest.mark.parametrize("case", cases_of("ehcid"))
    async def test_is_the_known_answer(self, module: CryptoModule, case: Case) -> None:
        given = case.given

        ehcid = await module.make_ehcid(given["id_type"], given["id_no"], given["mindex_id"])

        assert ehcid.hex().upper() == case.expect["ehcid"]

    @pytest.mark.requirement("G2-F-2-2", "G2-B-5.1-32")
    @pytest.mark.parametrize("case", cases_of("open-ehcid"))
    async def test_opens_as_the_known_answer(self, module: CryptoModule, case: Case) -> None:
        ehcid = bytes.fromhex(case.given["ehcid"])

        identity = await module.open_ehcid(ehcid, case.given["mindex_id"])

        expect = case.expect
        if expect["outcome"] == "refused":
            assert identity is None
        else:
            assert identity == Identity(id_type=expect["id_type"], id_no=expect["id_no"])

    @pytest.mark.requirement("F-3.1-1")
    async def test_has_32_bytes_and_differs_for_every_resident(self, module: CryptoModule) -> None:
        made = set()
        for id_no in ("1", "2", NUMBER, "A" * 30):
            mindex_id = await module.make_mindex_id("99", id_no, "测试甲")
            made.add(await module.make_ehcid("99", id_no, mindex_id))

        assert [len(ehcid) for ehcid in made] == [32] * 4

    async def test_made_under_another_safe_key_does_not_open(
        self, module: CryptoModule, other_module: CryptoModule
    ) -> None:
        mindex_id = await module.make_mindex_id("01", NUMBER, "测试甲")
        foreign = await other_module.make_ehcid("01", NUMBER, mindex_id)

        assert await module.open_ehcid(foreign, mindex_id) is None

    @pytest.mark.parametrize("size", [0, 16, 31, 33, 48])
    async def test_of_another_length_does_not_open(self, module: CryptoModule, size: int) -> None:
        assert await module.open_ehcid(bytes(size), "0" * 64) is None

    async def test_of_32_characters_is_made(self, module: CryptoModule) -> None:
        assert len(await module.make_ehcid("99", "A" * 30, "0" * 64)) == 32

    async def test_over_32_characters_is_too_long(self, module: CryptoModule) -> None:
        with pytest.raises(IdentityTooLong):
            await module.make_ehcid("99", "A" * 31, "0" * 64)

    @pytest.mark.parametrize(
        ("id_type", "id_no"),
        [
            ("01", ""), ("1", "23"), ("", "0123"), ("011", "23"), ("01", "军1"),
            ("\uff10\uff11", "23"), ("0-", "23"), ("01", "2\0"), ("01", "2\n"),
        ],
        ids=[
            "no number", "short type", "no type", "long type", "Chinese number",
            "full-width type", "punctuated type", "zero inside", "line break",
        ],
    )  # fmt: skip
    async def test_of_data_that_would_not_read_back_is_refused(
        self, module: CryptoModule, id_type: str, id_no: str
    ) -> None:
        with pytest.raises(IdentityNotPlain):
            await module.make_ehcid(id_type, id_no, "0" * 64)

    @pytest.mark.parametrize("mindex_id", MALFORMED_MINDEX_IDS)
    async def test_for_a_malformed_mindex_id_is_refused(
        self, module: CryptoModule, mindex_id: str
    ) -> None:
        with pytest.raises(UnfitIdentity):
            await module.make_ehcid("01", NUMBER, mindex_id)

    @pytest.mark.parametrize("mindex_id", MALFORMED_MINDEX_IDS)
    async def test_with_a_malformed_mindex_id_does_not_open(
        self, module: CryptoModule, mindex_id: str
    ) -> None:
        assert await module.open_ehcid(bytes(32), mindex_id) is None

    async def test_refusals_hold_no_personal_data(self, module: CryptoModule) -> None:
        with pytest.raises(UnfitIdentity) as refused:
            await module.make_ehcid("01", NUMBER * 2, "0" * 64)

        assert NUMBER not in str(refused.value)


class TestValid:
    @pytest.mark.requirement("G2-F-2-2", "G2-B-5.1-32")
    @pytest.mark.parametrize("case", cases_of("valid"))
    async def test_is_the_known_answer(self, module: CryptoModule, case: Case) -> None:
        expires = parse_wire_time(case.given["expires"])
        assert expires is not None

        assert await module.make_valid(expires) == case.expect["valid"]

    @pytest.mark.requirement("G2-F-2-2", "G2-B-5.1-32")
    @pytest.mark.parametrize("case", cases_of("open-valid"))
    async def test_opens_as_the_known_answer(self, module: CryptoModule, case: Case) -> None:
        expires = await module.open_valid(case.given["valid"])

        shown = None if expires is None else wire_time(expires)
        assert shown == case.expect.get("expires")

    @pytest.mark.requirement("G1-9.7.4-1")
    async def test_made_under_another_protect_key_does_not_open(
        self, module: CryptoModule, other_module: CryptoModule
    ) -> None:
        foreign = await other_module.make_valid(EXPIRES)

        assert await module.open_valid(foreign) is None

    async def test_opens_to_a_time_in_utc(self, module: CryptoModule) -> None:
        opened = await module.open_valid(await module.make_valid(EXPIRES))

        assert opened is not None
        assert opened.tzinfo is UTC

    async def test_is_the_same_for_one_moment_in_any_zone(self, module: CryptoModule) -> None:
        in_kathmandu = EXPIRES.astimezone(timezone(timedelta(hours=5, minutes=45)))

        assert await module.make_valid(in_kathmandu) == await module.make_valid(EXPIRES)

    async def test_drops_parts_of_a_second(self, module: CryptoModule) -> None:
        later = EXPIRES + timedelta(microseconds=999_999)

        assert await module.open_valid(await module.make_valid(later)) == EXPIRES

    @pytest.mark.parametrize(
        "expires",
        [
            EXPIRES.replace(tzinfo=None),
            datetime(999, 1, 1, tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
        ],
        ids=["no zone", "year 999", "past year 9999 in China"],
    )
    async def test_of_a_time_it_cannot_hold_is_refused(
        self, module: CryptoModule, expires: datetime
    ) -> None:
        with pytest.raises(ValueError, match="expiry time"):
            await module.make_valid(expires)

    async def test_with_blanks_between_its_digits_does_not_open(self, module: CryptoModule) -> None:
        valid = await module.make_valid(EXPIRES)

        assert await module.open_valid(f"{valid[:16]}  {valid[16:]}") is None


class TestState:
    async def test_a_running_module_is_alive(self, module: CryptoModule) -> None:
        health = await module.health()

        assert health.alive

    async def test_check_values_of_the_public_test_keys_are_known(
        self, module: CryptoModule
    ) -> None:
        assert await module.key_check_values() == {
            "safe_key": "16C6E929E4328400",
            "protect_key": "400B72BD89AAA3FF",
        }

    @pytest.mark.parametrize("key", ["safe_key", "protect_key"])
    async def test_another_key_has_another_check_value(
        self, module: CryptoModule, other_module: CryptoModule, key: str
    ) -> None:
        ours, others = await module.key_check_values(), await other_module.key_check_values()

        assert ours[key] != others[key]
