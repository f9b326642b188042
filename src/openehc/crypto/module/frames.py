"""Messages of a crypto machine (密码机) on the wire, built and read; nothing is sent here.

A message is a 2-byte big-endian length and an ASCII command with its fields. The reply
carries the command's last character plus one, then a return code, `00` for success.

    NC -> ND   what the machine is          CR -> CS   heartbeat
    3C -> 3D   hash (SM3)
    S3 -> S4   encrypt                      S4 -> S5   decrypt
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, TypeVar

from openehc.crypto.module.group import MemberRefused
from openehc.crypto.module.port import DeviceInformation
from openehc.kernel.refusal import CryptoModuleDown

T = TypeVar("T")

HEADER_SIZE: Final = 2
LONGEST_HASH_INPUT: Final = 9_999
"""Bytes: the length of the data has four decimal digits."""
LONGEST_MESSAGE: Final = 0xFFFF
DIGEST_SIZE: Final = 32

_SUCCESS: Final = b"00"
_START: Final = 4  # command and return code
_CODE: Final = re.compile(rb"[0-9A-Z]{2}")
_DECIMAL_2: Final = re.compile(rb"[0-9]{2}")
_HEX_4: Final = re.compile(rb"[0-9A-Fa-f]{4}")
_LARGEST_INDEX: Final = 9_999
_DERIVATION_SIZE: Final = 16


class FrameBroken(CryptoModuleDown):
    """A reply that is no reply to what was asked; the text says what is wrong with it."""


class MachineRefused(MemberRefused):
    """The machine answered with a return code other than 00."""

    def __init__(self, command: str, code: str) -> None:
        """`command` is the reply's, `code` its return code: two characters each."""
        super().__init__(f"the crypto machine answered {command} with return code {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class MachineKeys:
    """Where the keys lie in the machine; raises ValueError.

    Safe keys lie at 102 + 2 * version. The protect key's place differs between
    makers: whoever filled the keys knows it; the default is the next place.
    """

    safe_index: int = 104
    protect_index: int = 105
    key_type: str = "00A"

    def __post_init__(self) -> None:
        """Refuse what four digits and three characters cannot say."""
        for index in (self.safe_index, self.protect_index):
            if not 0 <= index <= _LARGEST_INDEX:
                raise ValueError(f"a key index lies in 0 to {_LARGEST_INDEX}, not {index}")
        if not re.fullmatch(r"[0-9A-Z]{3}", self.key_type):
            raise ValueError("a key type has three characters of 0-9 and A-Z")

    @classmethod
    def of_version(cls, version: int, *, protect_index: int) -> "MachineKeys":
        """The safe key of `version`, counted from 1, and the protect key where it was put."""
        return cls(safe_index=102 + 2 * version, protect_index=protect_index)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The fixed fields of the messages, for machines that want other ones."""

    keys: MachineKeys = field(default_factory=MachineKeys)
    mode: str = "00"
    session_key_flag: str = "00"
    encrypt_padding: str = "02"
    decrypt_padding: str = "05"
    hash_algorithm: str = "20"
    hash_tail: str = ";00000000"


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """A message ready to send, length included, and how its reply is read."""

    wire: bytes
    reply_command: bytes
    read: Callable[[bytes], T]

    def result_of(self, reply: bytes) -> T:
        """What the reply tells; raises `FrameBroken` and `MachineRefused`."""
        return self.read(reply_body(reply, command=self.reply_command))


def _request(message: bytes, *, read: Callable[[bytes], T]) -> Request[T]:
    if len(message) > LONGEST_MESSAGE:
        raise ValueError(f"a message has at most {LONGEST_MESSAGE} bytes, not {len(message)}")
    reply_command = message[:1] + bytes((message[1] + 1,))
    wire = len(message).to_bytes(HEADER_SIZE, "big") + message
    return Request(wire, reply_command, read)


def hash_request(data: bytes, *, dialect: Dialect) -> Request[bytes]:
    """`3C`: hash `data` to 32 bytes; raises ValueError for more than 9999 bytes."""
    if len(data) > LONGEST_HASH_INPUT:
        raise ValueError(f"a machine hashes at most {LONGEST_HASH_INPUT} bytes, not {len(data)}")
    head = f"3C{dialect.hash_algorithm}{len(data):04d}".encode("ascii")
    return _request(head + data + dialect.hash_tail.encode("ascii"), read=digest_in)


def encrypt_request(plain: bytes, *, derivation: bytes | None, dialect: Dialect) -> Request[bytes]:
    """`S3`: under a resident's key with a derivation (16 bytes), the protect key without."""
    head = _cipher_head("S3", len(plain), derivation, dialect, dialect.encrypt_padding)
    return _request(head + plain, read=partial(encrypted_in, size=len(plain)))


def decrypt_request(cipher: bytes, *, derivation: bytes | None, dialect: Dialect) -> Request[bytes]:
    """`S4`: the way back of `encrypt_request`."""
    head = _cipher_head("S4", len(cipher), derivation, dialect, dialect.decrypt_padding)
    return _request(head + cipher, read=partial(decrypted_in, size=len(cipher)))


def _cipher_head(
    command: str, size: int, derivation: bytes | None, dialect: Dialect, padding: str
) -> bytes:
    keys = dialect.keys
    if derivation is None:
        index, derived = keys.protect_index, "00"
    else:
        index, derived = keys.safe_index, f"01{_derivation_text(derivation)}"
    return (
        f"{command}{dialect.mode}{keys.key_type}K{index:04d}{derived}"
        f"{dialect.session_key_flag}{padding}{size:04X}"
    ).encode("ascii")


def _derivation_text(derivation: bytes) -> str:
    if len(derivation) != _DERIVATION_SIZE:
        raise ValueError(f"a factor and its complement have {_DERIVATION_SIZE} bytes")
    return derivation.hex().upper()


def reply_size(header: bytes, *, longest: int) -> int:
    """Bytes of the reply that `header` (2 bytes) announces; raises `FrameBroken`."""
    size = int.from_bytes(header, "big")
    if size < _START:
        raise FrameBroken(f"a reply of {size} bytes holds no command and return code")
    if size > longest:
        raise FrameBroken(f"a reply of {size} bytes is longer than {longest}")
    return size


def reply_body(reply: bytes, *, command: bytes) -> bytes:
    """What follows command and return code; raises `FrameBroken` and `MachineRefused`."""
    if len(reply) < _START:
        raise FrameBroken("the reply is too short for a command and a return code")
    if reply[:2] != command:
        raise FrameBroken(f"the reply is not of the command {command.decode()}")
    code = reply[2:_START]
    if not _CODE.fullmatch(code):
        raise FrameBroken("the return code is not two digits or capital letters")
    if code != _SUCCESS:
        raise MachineRefused(command.decode(), code.decode())
    return reply[_START:]


def digest_in(body: bytes) -> bytes:
    """The 32 bytes of a hash reply; raises `FrameBroken`."""
    if not _DECIMAL_2.fullmatch(body[:2]):
        raise FrameBroken("the length of the hash is not two decimal digits")
    data = _exactly(body[2:], int(body[:2]))
    if len(data) != DIGEST_SIZE:
        raise FrameBroken(f"a hash of {len(data)} bytes is not SM3")
    return data


def encrypted_in(body: bytes, *, size: int) -> bytes:
    """The `size` bytes of an encrypt reply; raises `FrameBroken`."""
    data = _sized(body)
    if len(data) != size:
        raise FrameBroken(f"the ciphertext has {len(data)} bytes instead of {size}")
    return data


def decrypted_in(body: bytes, *, size: int) -> bytes:
    """The `size` bytes of a decrypt reply; raises `FrameBroken`.

    Some machines take the zeros off that were added before encryption; they come back here.
    """
    data = _sized(body)
    if not 0 < len(data) <= size:
        raise FrameBroken(f"the plaintext has {len(data)} bytes instead of {size}")
    return data.ljust(size, b"\0")


def _sized(body: bytes) -> bytes:
    if not _HEX_4.fullmatch(body[:4]):
        raise FrameBroken("the length of the data is not four hex digits")
    return _exactly(body[4:], int(body[:4], 16))


def _exactly(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise FrameBroken(f"the reply announces {size} bytes of data and holds {len(data)}")
    return data


def device_information_in(body: bytes) -> DeviceInformation:
    """What an `ND` reply tells, as one text; raises `FrameBroken`.

    Makers lay it out differently, so it is shown as it came.
    """
    if not body.isascii() or not body.decode("ascii").isprintable():
        raise FrameBroken("the device information is not printable ASCII")
    return DeviceInformation(version=body.decode("ascii").strip(), algorithms=("SM3", "SM4"))


def _nothing_in(body: bytes) -> None:
    """A heartbeat may carry a state that differs between makers; success is enough."""
    del body


HEARTBEAT: Final = _request(b"CR", read=_nothing_in)
DEVICE_INFORMATION: Final = _request(b"NC", read=device_information_in)
