"""The calls of a crypto module, and what comes back, as they travel to the front proxy.

One message carries many calls; the answers have the same order. Computes nothing and
protects nothing: `session.py` seals the messages.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Final, TypeAlias

import msgspec

MOST_CALLS: Final = 256
"""Calls in one message."""
LONGEST_TEXT: Final = 9_999
"""Bytes of type, number and name together: what a crypto machine hashes at most."""
LARGEST_MESSAGE: Final = 3 << 20
"""Bytes: `MOST_CALLS` of the longest, with room for their frame."""


class MessageBroken(ValueError):
    """Bytes that are no message of this protocol; the text repeats none of them."""


@unique
class Call(StrEnum):
    """What may be asked; permissions and records name these (材料一 9.5)."""

    MAKE_MINDEX_ID = "make_mindex_id"
    MAKE_EHCID = "make_ehcid"
    OPEN_EHCID = "open_ehcid"
    MAKE_VALID = "make_valid"
    CHECK_VALID = "check_valid"
    HEALTH = "health"
    DEVICE_INFORMATION = "device_information"
    KEY_CHECK_VALUES = "key_check_values"


@unique
class Fault(StrEnum):
    """Why a call has no result."""

    UNFIT = "unfit"
    NOT_PERMITTED = "not permitted"
    DOWN = "down"


_Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]
_Octets: TypeAlias = Annotated[bytes, msgspec.Meta(max_length=64)]


class MakeMindexId(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """主索引ID of a person."""

    id_type: _Text
    id_no: _Text
    name: _Text


class MakeEhcid(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """电子健康卡ID of a document."""

    id_type: _Text
    id_no: _Text
    mindex_id: _Text


class OpenEhcid(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The document inside an EHCID."""

    ehcid: _Octets
    mindex_id: _Text


class MakeValid(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """有效时间密文 of an expiry."""

    expires: datetime


class CheckValid(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The expiry inside a VALID."""

    valid: _Text


class AskHealth(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Whether the module answers."""


class AskDevice(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """What the module says of itself."""


class AskCheckValues(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """The key check values."""


Question: TypeAlias = (
    MakeMindexId | MakeEhcid | OpenEhcid | MakeValid | CheckValid | AskHealth | AskDevice
    | AskCheckValues
)  # fmt: skip

CALL_OF: Final[dict[type[Question], Call]] = {
    MakeMindexId: Call.MAKE_MINDEX_ID,
    MakeEhcid: Call.MAKE_EHCID,
    OpenEhcid: Call.OPEN_EHCID,
    MakeValid: Call.MAKE_VALID,
    CheckValid: Call.CHECK_VALID,
    AskHealth: Call.HEALTH,
    AskDevice: Call.DEVICE_INFORMATION,
    AskCheckValues: Call.KEY_CHECK_VALUES,
}


class Text(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A mindex_id or a VALID."""

    value: str


class Octets(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """An EHCID."""

    value: bytes


class Holder(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The document that an EHCID opened to."""

    id_type: str
    id_no: str


class Moment(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The expiry that a VALID opened to."""

    at: datetime


class Nothing(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """An EHCID or a VALID that does not open under these keys."""


class State(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Health; `detail` names no address."""

    kind: str
    alive: bool
    detail: str


class Device(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """Device information."""

    maker: str
    model: str
    serial: str
    version: str
    algorithms: tuple[str, ...]


class CheckValues(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """Key check values by the name of the key."""

    values: dict[str, str]


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """No result; the operator of the proxy sees why."""

    fault: Fault


Answer: TypeAlias = (
    Text | Octets | Holder | Moment | Nothing | State | Device | CheckValues | Failed
)

_encode: Final = msgspec.msgpack.Encoder().encode
_questions: "Final[msgspec.msgpack.Decoder[list[Question]]]" = msgspec.msgpack.Decoder(
    Annotated[list[Question], msgspec.Meta(min_length=1, max_length=MOST_CALLS)]
)
_answers: Final = msgspec.msgpack.Decoder(list[Answer])


def written(messages: Sequence[Question] | Sequence[Answer]) -> bytes:
    """The bytes of a list of calls or answers; raises UnicodeEncodeError for no Unicode text."""
    return _encode(messages)


def read_questions(message: bytes) -> list[Question]:
    """1 to `MOST_CALLS` calls; raises `MessageBroken`."""
    try:
        return _questions.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MessageBroken("the message holds no list of calls") from None


def read_answers(message: bytes, *, count: int) -> list[Answer]:
    """Exactly `count` answers; raises `MessageBroken`."""
    try:
        answers = _answers.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MessageBroken("the message holds no list of answers") from None
    if len(answers) != count:
        raise MessageBroken("there are more or fewer answers than calls")
    return answers
