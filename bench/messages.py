"""Sealed and signed requests, ready to be written to a socket, and what their replies gave.

Everything is done before or after a measurement, so that the generator's own share of
the machine stays small. Sends nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from bench.residents import resident
from openehc.envelope.client_side import Credentials, open_reply, seal_request
from openehc.kernel.clock import wire_time

CODE_LIFE: Final = timedelta(seconds=300)


@unique
class LoadMethod(StrEnum):
    """The methods that the bench drives, by their short names."""

    REGISTER = "register"
    GENERATE = "generate"
    VERIFY = "verify"

    @property
    def wire_name(self) -> str:
        """The name as the gateway knows it."""
        group = "ehealthcard" if self is LoadMethod.REGISTER else "ehealthcode"
        return f"ehc.{group}.{self.value}"


@dataclass(frozen=True, slots=True)
class Registered:
    """A resident with a card."""

    ehealth_card_id: str
    id_no: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A dynamic code that the node gave out for a resident."""

    text: str
    id_no: str
    until: datetime


@dataclass(slots=True)
class Desk:
    """Seals requests of one application under serial numbers that are used once.

    `run` keeps the numbers of two benches on the same node apart (at most 16 characters).
    """

    who: Credentials
    gateway_url: str
    run: str
    _count: int = field(default=0, init=False)
    _head: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Write the head of every request once."""
        url = urlsplit(self.gateway_url)
        self._head = (
            f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        ).encode()

    def registrations(self, numbers: Iterable[int], *, now: datetime) -> Iterator[bytes]:
        """One registration for each resident."""
        time = wire_time(now)
        for number in numbers:
            person = resident(number)
            yield self._request(LoadMethod.REGISTER, now, {
                "out_register_no": self._serial(), "out_register_time": time,
                "certificate_mode": "01", "apply_method": "3", "id_type": "01",
                "id_no": person.id_no, "user_name": person.user_name,
                "user_sex": person.user_sex, "birthday": person.birthday,
                "mobile_phone": person.mobile_phone, "address": "示例市示例路1号",
            })  # fmt: skip

    def generations(self, holders: Iterable[Registered], *, now: datetime) -> Iterator[bytes]:
        """One dynamic code of 300 seconds for each holder."""
        time, life = wire_time(now), int(CODE_LIFE.total_seconds())
        for holder in holders:
            yield self._request(LoadMethod.GENERATE, now, {
                "ehealth_card_id": holder.ehealth_card_id, "generate_type": "dynamic",
                "time_expire": life, "out_generate_no": self._serial(),
                "out_generate_time": time, "treatment_code": "010105",
            })  # fmt: skip

    def verifications(self, codes: Iterable[Issued], *, now: datetime) -> Iterator[bytes]:
        """One verification of each code at a cashier's window."""
        time = wire_time(now)
        for code in codes:
            yield self._request(LoadMethod.VERIFY, now, {
                "ehealth_code": code.text, "out_verify_no": self._serial(),
                "out_verify_time": time, "operator_id": "0001", "operator_name": "测试",
                "treatment_code": "010105", "office_code": "0300",
            })  # fmt: skip

    def registered(self, reply: bytes, *, number: int) -> Registered:
        """The card in the reply to a registration; raises AssertionError for another's card."""
        biz = self._opened(reply)
        assert biz["id_no"] == resident(number).id_no
        return Registered(biz["ehealth_card_id"], biz["id_no"])

    def issued(self, reply: bytes, *, holder: Registered, now: datetime) -> Issued:
        """The code in the reply to a generation that was sent at or after `now`."""
        biz = self._opened(reply)
        assert biz["ehealth_card_id"] == holder.ehealth_card_id
        return Issued(biz["ehealth_code"], holder.id_no, until=now + CODE_LIFE)

    def require_identified(self, reply: bytes, *, code: Issued) -> None:
        """Raises AssertionError unless the reply to a verification names the code's holder."""
        assert self._opened(reply)["id_no"] == code.id_no

    def _opened(self, reply: bytes) -> dict[str, Any]:
        fields = open_reply(self.who, reply)
        assert fields["ret_code"] == "0000"
        assert fields["authentic"]
        biz: dict[str, Any] = fields["biz_content"]
        return biz

    def _serial(self) -> str:
        self._count += 1
        return f"{self.run}{self._count:010}"

    def _request(self, method: LoadMethod, now: datetime, biz: dict[str, Any]) -> bytes:
        body = msgspec.json.encode(seal_request(self.who, method.wire_name, biz, now=now))
        return self._head % len(body) + body
