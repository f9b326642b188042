"""A hospital's client over httpx: seals requests, checks and opens replies. Judges nothing."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import httpx

from openehc.envelope.client_side import Credentials, open_reply, seal_request
from openehc.envelope.reading import read_object
from openehc.kernel.clock import Clock

GATEWAY: Final = "/ehcService/gateway.do"

QUERYWITHREG: Final = "ehc.ehealthcard.querywithreg"
REGISTER: Final = "ehc.ehealthcard.register"
REGQUERY: Final = "ehc.ehealthcard.regquery"
ALTERINFO: Final = "ehc.ehealthcard.alterinfo"
ALTERLINK: Final = "ehc.ehealthcard.alterlink"
CLOSE: Final = "ehc.ehealthcard.close"
GENERATE: Final = "ehc.ehealthcode.generate"
VERIFY: Final = "ehc.ehealthcode.verify"
AUTHURL: Final = "ehc.ehealthcard.authurl"
AUTH_QUERY: Final = "ehc.ehealthcard.auth.query"

FAILURE_FIELDS: Final = frozenset(
    {"ret_code", "ret_msg", "app_id", "method", "version", "timestamp", "digest_type", "digest"}
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply whose digest was checked: `fields` as they came, `biz` decrypted."""

    status: int
    raw: bytes
    fields: dict[str, Any]

    @property
    def sent(self) -> dict[str, Any]:
        """The fields exactly as the platform sent them."""
        return read_object(self.raw)

    @property
    def code(self) -> str:
        return str(self.fields["ret_code"])

    @property
    def message(self) -> str:
        return str(self.fields["ret_msg"])

    @property
    def authentic(self) -> bool:
        """Whether the reply carried a digest, and the right one."""
        return bool(self.fields["authentic"])

    @property
    def biz(self) -> dict[str, Any]:
        """The business fields of a success; anything else fails the test here."""
        assert self.code == "0000", f"{self.code} {self.message}"
        opened: dict[str, Any] = self.fields["biz_content"]
        return opened


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """One application at one terminal."""

    http: httpx.AsyncClient
    who: Credentials
    clock: Clock

    def acting_as(self, **changes: Any) -> Self:
        """The same client with other credentials: app_id, secret, term_id, version, style."""
        return replace(self, who=replace(self.who, **changes))

    def sealed(self, method: str, biz: dict[str, Any]) -> dict[str, Any]:
        """The common fields of a request, ready to be spoilt by a test."""
        return seal_request(self.who, method, biz, now=self.clock.now())

    def signed(self, fields: dict[str, Any]) -> dict[str, Any]:
        """`fields` with the digest that belongs to them as they are."""
        digest = self.who.profile.digest(fields, self.who.keys, without=("digest", "sign"))
        return {**fields, "digest": digest}

    async def call(self, method: str, biz: dict[str, Any]) -> Reply:
        """Send a request and open its reply."""
        return await self.send(self.sealed(method, biz))

    async def send(self, fields: dict[str, Any]) -> Reply:
        """Send common fields as they are."""
        return await self.post(json.dumps(fields).encode())

    async def post(self, body: bytes) -> Reply:
        """Send bytes as they are."""
        answer = await self.http.post(GATEWAY, content=body)
        opened = open_reply(self.who, answer.content)
        return Reply(answer.status_code, answer.content, opened)

    async def all_at_once(self, method: str, bodies: list[dict[str, Any]]) -> list[Reply]:
        """Send every one of `bodies` before the first reply is waited for."""
        return list(await asyncio.gather(*[self.call(method, biz) for biz in bodies]))

    async def register(self, biz: dict[str, Any]) -> dict[str, Any]:
        """The business fields of a registration that has to succeed."""
        return (await self.call(REGISTER, biz)).biz
