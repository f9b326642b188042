"""The binding to libcrypto: which library is taken, and what it says when it refuses."""

import ctypes
from pathlib import Path

import pytest

from openehc.crypto import libcrypto
from openehc.crypto.libcrypto import (
    LibcryptoMissing,
    OperationRefused,
    first_usable,
    fresh_scalar,
    point_of,
)
from openehc.crypto.libcrypto_loading import candidates
from tests.support.sm2_oracle import PUBLISHED_KEY, PUBLISHED_POINT, oracle_public


def test_the_library_names_its_version() -> None:
    assert libcrypto.library_version().startswith("OpenSSL ")


def test_every_library_that_is_found_computes_the_same() -> None:
    usable = [library for place, library in candidates() if is_usable(place, library)]

    assert usable
    assert {point_with(library) for library in usable} == {PUBLISHED_POINT}


def is_usable(place: str, library: ctypes.CDLL) -> bool:
    try:
        first_usable([(place, library)])
    except LibcryptoMissing:
        return False
    return True


def point_with(library: ctypes.CDLL) -> bytes:
    group = library.EC_GROUP_new_by_curve_name(1172)
    point, number = library.EC_POINT_new(group), library.BN_bin2bn(PUBLISHED_KEY, 32, None)
    assert library.EC_POINT_mul(group, point, number, None, None, None) == 1
    buffer = ctypes.create_string_buffer(65)
    assert library.EC_POINT_point2oct(group, point, 4, buffer, 65, None) == 65
    return buffer.raw


class AnotherLibrary:
    """A libcrypto as far as the search looks: any function, answering what it is told."""

    def __init__(self, *, version: int, group: int | None) -> None:
        self._answers = {"OpenSSL_version_num": version, "EC_GROUP_new_by_curve_name": group}
        self._functions: dict[str, Function] = {}

    def __getattr__(self, name: str) -> "Function":
        return self._functions.setdefault(name, Function(self._answers.get(name, 1)))


class Function:
    """Takes prototypes and arguments as a ctypes function does."""

    def __init__(self, answer: int | None) -> None:
        self._answer = answer

    def __call__(self, *_: object) -> int | None:
        return self._answer


def test_a_machine_without_a_library_is_told_what_to_install() -> None:
    with pytest.raises(LibcryptoMissing, match=r"3\.0 or later with SM2.*Install"):
        first_usable([])


def test_a_library_without_the_functions_is_named() -> None:
    with pytest.raises(LibcryptoMissing, match=r"/some/lib\.so: too old"):
        first_usable([("/some/lib.so", ctypes.CDLL(None))])


def test_an_old_library_is_refused() -> None:
    old = AnotherLibrary(version=0x1010117F, group=1)

    with pytest.raises(LibcryptoMissing, match=r"0x1010117f is older than 3\.0"):
        first_usable([("old", old)])


def test_a_library_without_sm2_is_passed_over() -> None:
    without = AnotherLibrary(version=0x30000130, group=None)
    usable = AnotherLibrary(version=0x30000130, group=1)

    assert first_usable([("without", without), ("usable", usable)]) is usable
    with pytest.raises(LibcryptoMissing, match="without: built without SM2"):
        first_usable([("without", without)])


def test_a_refusal_carries_the_words_of_the_library() -> None:
    with pytest.raises(OperationRefused, match="point is not on curve"):
        libcrypto.public_key(PUBLISHED_POINT[:-1] + b"\0")


def test_a_refusal_leaves_no_error_behind() -> None:
    with pytest.raises(OperationRefused):
        libcrypto.public_key(PUBLISHED_POINT[:-1] + b"\0")
    libcrypto.public_key(PUBLISHED_POINT).verify(b"no signature", digest=bytes(32))

    assert list(libcrypto._pending_errors()) == []


def test_a_public_key_gives_no_scalar() -> None:
    with pytest.raises(OperationRefused, match="private"):
        libcrypto.public_key(PUBLISHED_POINT).scalar()


def test_a_new_key_has_the_point_that_another_implementation_computes() -> None:
    scalar = fresh_scalar()

    assert point_of(scalar) == oracle_public(scalar)


def test_only_one_module_binds_the_library() -> None:
    source = Path(libcrypto.__file__).parents[1]
    binding = {path.name for path in source.rglob("*.py") if "EVP_PKEY_" in path.read_text("utf-8")}

    assert binding == {"libcrypto.py", "libcrypto_loading.py"}
