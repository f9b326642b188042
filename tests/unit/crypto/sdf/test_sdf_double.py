"""The double of a device checks what a real one checks, or the tests on it prove little."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from openehc.crypto.module.sdf_library import SdfFailed, SdfLibrary
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from tests.support.crypto_oracle import oracle_decrypt, oracle_encrypt, oracle_sm3
from tests.support.sdf_double import KEK_INDEX, SAFE_INDEX, SdfDouble, sdf_double, under_kek

SM4_ECB = 0x401
SM3 = 1
KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
OPTIONAL = frozenset({"SDF_GetSymmKeyHandle", "SDF_ImportKeyWithKEK"})


@dataclass(frozen=True, slots=True)
class Opened:
    library: SdfLibrary
    double: SdfDouble
    device: int
    session: int


@pytest.fixture
def opened() -> Iterator[Opened]:
    with sdf_double(PUBLIC_TEST_KEYS) as double:
        library = SdfLibrary(double.path, needs=OPTIONAL)
        device = library.open_device()
        yield Opened(library, double, device, library.open_session(device))


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 500])
def test_hashes_as_the_oracle_does(opened: Opened, size: int) -> None:
    data = bytes(octet % 251 for octet in range(size))

    assert opened.library.digest(opened.session, algorithm=SM3, data=data) == oracle_sm3(data)


@pytest.mark.parametrize("size", [16, 32, 160])
def test_encrypts_as_the_oracle_does(opened: Opened, size: int) -> None:
    data = bytes(octet % 253 for octet in range(size))
    key = opened.library.import_key(opened.session, key=KEY)

    made = opened.library.encrypt(opened.session, key=key, algorithm=SM4_ECB, data=data)

    assert made == oracle_encrypt(KEY, data)


def test_decrypts_as_the_oracle_does(opened: Opened) -> None:
    key = opened.library.import_key(opened.session, key=KEY)

    made = opened.library.decrypt(opened.session, key=key, algorithm=SM4_ECB, data=bytes(32))

    assert made == oracle_decrypt(KEY, bytes(32))


def test_a_key_under_a_kek_is_decrypted(opened: Opened) -> None:
    key = opened.library.import_key_under_kek(
        opened.session, algorithm=SM4_ECB, kek_index=KEK_INDEX, encrypted=under_kek(KEY)
    )

    made = opened.library.encrypt(opened.session, key=key, algorithm=SM4_ECB, data=bytes(16))

    assert made == oracle_encrypt(KEY, bytes(16))


class TestRefuses:
    def test_a_session_handle_that_it_never_gave(self, opened: Opened) -> None:
        with pytest.raises(SdfFailed, match="SDR_INARGERR"):
            opened.library.digest(opened.session + 1, algorithm=SM3, data=b"x")

    def test_a_closed_session(self, opened: Opened) -> None:
        opened.library.close_session(opened.session)

        with pytest.raises(SdfFailed, match="SDR_INARGERR"):
            opened.library.digest(opened.session, algorithm=SM3, data=b"x")

    def test_closing_a_device_whose_session_is_open(self, opened: Opened) -> None:
        with pytest.raises(SdfFailed, match="SDR_STEPERR"):
            opened.library.close_device(opened.device)

    def test_a_closed_device(self, opened: Opened) -> None:
        opened.library.close_session(opened.session)
        opened.library.close_device(opened.device)

        with pytest.raises(SdfFailed, match="SDR_INARGERR"):
            opened.library.open_session(opened.device)

    def test_a_destroyed_key(self, opened: Opened) -> None:
        key = opened.library.import_key(opened.session, key=KEY)
        opened.library.destroy_key(opened.session, key=key)

        with pytest.raises(SdfFailed, match="SDR_INARGERR"):
            opened.library.encrypt(opened.session, key=key, algorithm=SM4_ECB, data=bytes(16))

    def test_a_key_of_another_session(self, opened: Opened) -> None:
        key = opened.library.import_key(opened.session, key=KEY)
        other = opened.library.open_session(opened.device)

        with pytest.raises(SdfFailed, match="SDR_INARGERR"):
            opened.library.encrypt(other, key=key, algorithm=SM4_ECB, data=bytes(16))

    def test_a_partial_block(self, opened: Opened) -> None:
        key = opened.library.internal_key(opened.session, index=SAFE_INDEX)

        with pytest.raises(SdfFailed, match="SDR_INARGERR"):
            opened.library.encrypt(opened.session, key=key, algorithm=SM4_ECB, data=bytes(15))

    def test_a_key_of_another_length(self, opened: Opened) -> None:
        with pytest.raises(SdfFailed, match="SDR_INARGERR"):
            opened.library.import_key(opened.session, key=bytes(15))

    def test_another_cipher(self, opened: Opened) -> None:
        key = opened.library.internal_key(opened.session, index=SAFE_INDEX)

        with pytest.raises(SdfFailed, match="SDR_ALGNOTSUPPORT"):
            opened.library.encrypt(opened.session, key=key, algorithm=0x402, data=bytes(16))

    def test_another_hash(self, opened: Opened) -> None:
        with pytest.raises(SdfFailed, match="SDR_ALGNOTSUPPORT"):
            opened.library.digest(opened.session, algorithm=2, data=b"x")

    def test_an_empty_place(self, opened: Opened) -> None:
        with pytest.raises(SdfFailed, match="SDR_KEYNOTEXIST"):
            opened.library.internal_key(opened.session, index=30)

    def test_everything_while_unplugged(self, opened: Opened) -> None:
        opened.double.unplug()

        with pytest.raises(SdfFailed, match="SDR_COMMFAIL"):
            opened.library.open_device()
