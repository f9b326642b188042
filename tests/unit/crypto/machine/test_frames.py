"""Messages of the crypto machine: every field of a request, every fault of a reply."""

import pytest

from openehc.crypto.module.frames import (
    DEVICE_INFORMATION,
    HEARTBEAT,
    Dialect,
    FrameBroken,
    MachineKeys,
    MachineRefused,
    decrypt_request,
    encrypt_request,
    hash_request,
    reply_size,
)

DIALECT = Dialect()
DERIVATION = bytes.fromhex("92CDCE45A16799FD6D3231BA5E986602")
PLAIN = b"99KEYCHECK".ljust(32, b"\0")


class TestRequests:
    def test_a_heartbeat_is_a_length_and_its_command(self) -> None:
        assert HEARTBEAT.wire == b"\x00\x02CR"

    def test_device_information_is_a_length_and_its_command(self) -> None:
        assert DEVICE_INFORMATION.wire == b"\x00\x02NC"

    def test_a_hash_carries_the_length_of_its_data_in_four_decimal_digits(self) -> None:
        wire = hash_request(b"99KEYCHECK", dialect=DIALECT).wire

        assert wire == b"\x00\x1b" + b"3C200010" + b"99KEYCHECK" + b";00000000"

    def test_an_encryption_with_a_factor_uses_the_safe_key(self) -> None:
        wire = encrypt_request(PLAIN, derivation=DERIVATION, dialect=DIALECT).wire

        fields = b"S30000AK01040192CDCE45A16799FD6D3231BA5E986602"
        assert wire == b"\x00\x56" + fields + b"00020020" + PLAIN

    def test_an_encryption_without_a_factor_uses_the_protect_key(self) -> None:
        wire = encrypt_request(bytes(16), derivation=None, dialect=DIALECT).wire

        assert wire == b"\x00\x26" + b"S30000AK01050000020010" + bytes(16)

    def test_a_decryption_names_the_other_padding(self) -> None:
        wire = decrypt_request(bytes(16), derivation=None, dialect=DIALECT).wire

        assert wire == b"\x00\x26" + b"S40000AK01050000050010" + bytes(16)

    def test_a_dialect_changes_every_fixed_field(self) -> None:
        dialect = Dialect(
            keys=MachineKeys(safe_index=7, protect_index=12, key_type="109"),
            mode="01",
            session_key_flag="11",
            encrypt_padding="10",
        )

        wire = encrypt_request(bytes(16), derivation=None, dialect=dialect).wire

        assert wire[2:-16] == b"S301109K00120011100010"

    def test_the_most_that_a_machine_hashes_fits(self) -> None:
        wire = hash_request(b"A" * 9999, dialect=DIALECT).wire

        assert wire[2:10] == b"3C209999"

    def test_more_than_four_digits_can_count_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at most 9999 bytes"):
            hash_request(b"A" * 10_000, dialect=DIALECT)

    def test_more_than_the_header_can_count_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at most 65535 bytes"):
            encrypt_request(bytes(65_536), derivation=None, dialect=DIALECT)

    def test_a_factor_without_its_complement_is_refused(self) -> None:
        with pytest.raises(ValueError, match="16 bytes"):
            encrypt_request(PLAIN, derivation=DERIVATION[:8], dialect=DIALECT)


class TestKeys:
    def test_version_1_lies_at_104(self) -> None:
        assert MachineKeys.of_version(1, protect_index=105) == MachineKeys()

    def test_each_version_lies_two_further(self) -> None:
        assert MachineKeys.of_version(3, protect_index=7) == MachineKeys(108, 7)

    @pytest.mark.parametrize("index", [-1, 10_000])
    def test_a_safe_key_index_that_four_digits_cannot_say_is_refused(self, index: int) -> None:
        with pytest.raises(ValueError, match="key index"):
            MachineKeys(safe_index=index)

    @pytest.mark.parametrize("index", [-1, 10_000])
    def test_a_protect_key_index_that_four_digits_cannot_say_is_refused(self, index: int) -> None:
        with pytest.raises(ValueError, match="key index"):
            MachineKeys(protect_index=index)

    @pytest.mark.parametrize("key_type", ["", "00", "0000", "00a", "0 A"])
    def test_another_form_of_key_type_is_refused(self, key_type: str) -> None:
        with pytest.raises(ValueError, match="key type"):
            MachineKeys(key_type=key_type)


class TestReplies:
    def test_a_hash_is_its_32_bytes(self) -> None:
        request = hash_request(b"x", dialect=DIALECT)

        assert request.result_of(b"3D0032" + b"h" * 32) == b"h" * 32

    def test_a_ciphertext_is_its_bytes(self) -> None:
        request = encrypt_request(bytes(16), derivation=None, dialect=DIALECT)

        assert request.result_of(b"S4000010" + b"c" * 16) == b"c" * 16

    def test_a_plaintext_gets_the_zeros_back_that_the_machine_took(self) -> None:
        request = decrypt_request(bytes(32), derivation=DERIVATION, dialect=DIALECT)

        assert request.result_of(b"S5000003" + b"99X") == b"99X".ljust(32, b"\0")

    def test_a_heartbeat_may_carry_more(self) -> None:
        assert HEARTBEAT.result_of(b"CS00 all well") is None

    def test_device_information_is_shown_as_it_came(self) -> None:
        assert DEVICE_INFORMATION.result_of(b"ND00SJJ1310 V1 ").version == "SJJ1310 V1"

    def test_another_return_code_is_a_refusal_that_names_it(self) -> None:
        with pytest.raises(MachineRefused, match="S4 with return code 1A") as refused:
            encrypt_request(bytes(16), derivation=None, dialect=DIALECT).result_of(b"S41A")

        assert refused.value.code == "1A"

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            (b"", "too short"),
            (b"S40", "too short"),
            (b"3D00" + b"0010" + bytes(16), "not of the command S4"),
            (b"S5000010" + bytes(16), "not of the command S4"),
            (b"S4\xff\xff0010" + bytes(16), "return code is not"),
            (b"S40 0010" + bytes(16), "return code is not"),
            (b"S400", "not four hex digits"),
            (b"S400-010" + bytes(16), "not four hex digits"),
            (b"S4000x10" + bytes(16), "not four hex digits"),
            (b"S4000010" + bytes(15), "announces 16 bytes of data and holds 15"),
            (b"S4000010" + bytes(17), "announces 16 bytes of data and holds 17"),
            (b"S400000F" + bytes(15), "15 bytes instead of 16"),
            (b"S4000020" + bytes(32), "32 bytes instead of 16"),
        ],
    )
    def test_a_broken_ciphertext_is_told_with_its_reason(self, reply: bytes, reason: str) -> None:
        request = encrypt_request(bytes(16), derivation=None, dialect=DIALECT)

        with pytest.raises(FrameBroken, match=reason):
            request.result_of(reply)

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            (b"S5000000", "0 bytes instead of 16"),
            (b"S5000011" + bytes(17), "17 bytes instead of 16"),
            (b"S5000010" + bytes(3), "announces 16"),
        ],
    )
    def test_a_broken_plaintext_is_told_with_its_reason(self, reply: bytes, reason: str) -> None:
        request = decrypt_request(bytes(16), derivation=None, dialect=DIALECT)

        with pytest.raises(FrameBroken, match=reason):
            request.result_of(reply)

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            (b"3D00", "two decimal digits"),
            (b"3D00 32" + bytes(32), "two decimal digits"),
            (b"3D0020" + bytes(32), "announces 20"),
            (b"3D0032" + bytes(31), "announces 32"),
            (b"3D0020" + bytes(20), "20 bytes is not SM3"),
        ],
    )
    def test_a_broken_hash_is_told_with_its_reason(self, reply: bytes, reason: str) -> None:
        with pytest.raises(FrameBroken, match=reason):
            hash_request(b"x", dialect=DIALECT).result_of(reply)

    @pytest.mark.parametrize("body", [b"\xe5\xaf\x86", b"SJJ\0", b"a\nb"])
    def test_unprintable_device_information_is_broken(self, body: bytes) -> None:
        with pytest.raises(FrameBroken, match="printable"):
            DEVICE_INFORMATION.result_of(b"ND00" + body)

    def test_a_reason_holds_nothing_of_the_data(self) -> None:
        secret = b"99001122334455667X"

        with pytest.raises(FrameBroken) as broken:
            decrypt_request(bytes(16), derivation=None, dialect=DIALECT).result_of(
                b"S5000012" + secret
            )

        assert "9900112233" not in str(broken.value)


class TestHeaders:
    def test_a_header_tells_the_size(self) -> None:
        assert reply_size(b"\x01\x02", longest=4096) == 258

    def test_a_reply_too_short_for_a_return_code_is_broken(self) -> None:
        with pytest.raises(FrameBroken, match="holds no command"):
            reply_size(b"\x00\x03", longest=4096)

    def test_a_reply_beyond_the_bound_is_broken(self) -> None:
        with pytest.raises(FrameBroken, match="longer than 4096"):
            reply_size(b"\x10\x01", longest=4096)

    def test_a_reply_at_the_bound_is_fine(self) -> None:
        assert reply_size(b"\x10\x00", longest=4096) == 4096
