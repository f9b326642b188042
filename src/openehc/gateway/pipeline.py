"""The stages of a request, named and in order; a table of contents.

1. open the envelope           envelope/opening.py
2. find the method             spec/data/app_methods.csv
3. admit application, terminal and grant     access/registry.py; within its limits: traffic.py
4. check the fields, all at once             spec/data/methods/*.csv
5. hold the serial number      access/serials.py
6. do the work                 gateway/card_methods.py, gateway/code_methods.py
7. seal the reply              gateway/reply.py, envelope/sealing.py
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from openehc.access.registry import Registry
from openehc.access.serials import InFlight, SerialKey, serial_key
from openehc.access.traffic import Traffic
from openehc.envelope.message import OpenedRequest, ReplyHead
from openehc.envelope.opening import OpeningRules, Unopened, open_request
from openehc.envelope.sealing import seal_reply
from openehc.gateway.calls import Biz, Call, Handler
from openehc.gateway.reply import SUCCESS, code_and_message
from openehc.gateway.trouble_log import TroubleLog
from openehc.kernel.clock import Clock
from openehc.kernel.refusal import (
    CryptoModuleDown,
    DatabaseDown,
    DatabaseFault,
    PlatformError,
    Reason,
    Refusal,
)
from openehc.spec import Spec, describe
from openehc.storage.errors import QueueFull

_NOTHING_KNOWN: Final = ReplyHead()


class Exchange(msgspec.Struct):
    """One request on its way: filled in as the stages learn more; read by the log."""

    received_at: datetime
    peer: str = ""
    certificate: str = ""
    head: ReplyHead = _NOTHING_KNOWN
    term_id: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All stages with what they need."""

    spec: Spec
    registry: Registry
    rules: OpeningRules
    handlers: Mapping[str, Handler]
    in_flight: InFlight
    clock: Clock
    traffic: Traffic = field(default_factory=Traffic)
    troubles: TroubleLog = field(default_factory=TroubleLog)

    async def answer(self, raw: bytes, exchange: Exchange) -> bytes:
        """The reply to a received message; unexpected exceptions pass through."""
        try:
            result = await self._result(raw, exchange)
        except PlatformError as failure:
            self.troubles.tell(failure)
            result = Refusal(_reason(failure))
        return self.reply(result, exchange)

    def reply(self, result: Biz | Refusal, exchange: Exchange) -> bytes:
        """7. The sealed reply for a result."""
        now = self.clock.now()
        if isinstance(result, Refusal):
            self.traffic.refused(exchange.head.app_id, result.reason)
            exchange.code, message = code_and_message(result, self.spec)
            return seal_reply(exchange.head, code=exchange.code, message=message, now=now)
        self.traffic.succeeded(exchange.head.app_id, exchange.received_at)
        exchange.code, message = SUCCESS, self.spec.return_code(SUCCESS).text
        return seal_reply(exchange.head, code=SUCCESS, message=message, now=now, biz=result)

    async def _result(self, raw: bytes, exchange: Exchange) -> Biz | Refusal:
        # 1. open the envelope
        if not self.registry.loaded:
            return Refusal(Reason.DATABASE_DOWN)
        try:
            request = open_request(
                raw, callers=self.registry, rules=self.rules, now=exchange.received_at
            )
        except Unopened as unopened:
            exchange.head = unopened.head
            return unopened.refusal
        exchange.head, exchange.term_id = request.head, request.term_id
        call = self._call(request, exchange)
        if isinstance(call, Refusal):
            return call
        # 5. hold the serial number
        if call.serial is None:
            return await self.handlers[call.method](call)
        held = self.in_flight.enter(call.serial)
        if held is None:
            return Refusal(Reason.SERIAL_IN_FLIGHT)
        with held:
            # 6. do the work
            return await self.handlers[call.method](call)

    def _call(self, request: OpenedRequest, exchange: Exchange) -> Call | Refusal:
        # 2. find the method
        table = self.spec.method(request.method)
        if table is None or request.method not in self.handlers:
            return Refusal(Reason.METHOD_UNKNOWN)
        # 3. admit application, terminal and grant
        admission = self.registry.admit(
            request.caller.app_id, term_id=request.term_id, method=request.method
        )
        if isinstance(admission, Refusal):
            return admission
        app_id = request.caller.app_id
        limited = self.traffic.admit(
            app_id, self.registry.limits(app_id), peer=exchange.peer, now=request.received_at,
            certificate=exchange.certificate,
        )  # fmt: skip
        if limited:
            return limited
        # 4. check the fields, all at once
        checked = table.check(request.biz)
        if checked.faults:
            return Refusal(Reason.FIELDS_WRONG, describe(checked.faults, limit=180))
        serial, external = self._serial(request, table.serial_field, checked.values)
        return Call(
            method=request.method, admission=admission, values=checked.values,
            serial=serial, external_serial=external, now=request.received_at,
        )  # fmt: skip

    def _serial(
        self, request: OpenedRequest, name: str, values: Mapping[str, Any]
    ) -> tuple[SerialKey | None, str]:
        external = values.get(name, "") if name else ""
        if not external:
            return None, ""
        return serial_key(request.caller.app_id, request.method, external), external


def _reason(failure: PlatformError) -> Reason:
    """What a failed part of the platform means for the request; a kind not known is a defect."""
    for kind, reason in _REASONS.items():
        if isinstance(failure, kind):
            return reason
    raise failure


_REASONS: Final = {
    QueueFull: Reason.OVERLOADED,
    DatabaseDown: Reason.DATABASE_DOWN,
    DatabaseFault: Reason.DATABASE_FAULT,
    CryptoModuleDown: Reason.CRYPTO_MODULE_DOWN,
}
"""In this order: a full queue is a kind of `DatabaseDown`."""
