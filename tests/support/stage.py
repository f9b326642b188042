"""A node with people, registers and residents on it, for acts that are carried out one by one.

stage   the node, an authority whose certificates it trusts, a gateway that it believes
"""

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from openehc.audit.model import Actor, ActorKind
from openehc.crypto.sm3 import hmac_sm3
from openehc.people.permissions import Role
from openehc.people.sign_in_with_certificate import identity_of
from tests.support.certificates import Holder, Issuer
from tests.support.console import Console, FixedSessions
from tests.support.entries import Desk
from tests.support.messages import Person, registration
from tests.support.node import StartNode
from tests.support.people import PeopleAtNode

GATEWAY: Final = "10.8.8.8"
SHARED: Final = bytes(range(32))
REASON: Final = "按规定办理"
ASKER, APPROVER = (Actor(ActorKind.USER, login) for login in ("asker", "approver"))


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is about to be made by `login`; `about` begins the name of its object."""

    client: httpx.AsyncClient
    login: str
    path: str
    about: str = ""
    sent: dict[str, Any] = field(default_factory=dict)

    async def made(self, route: str) -> httpx.Response:
        """The answer."""
        method = route.partition(" ")[0]
        return await self.client.request(method, f"/api{self.path}", **self.sent)


@dataclass(slots=True)
class Stage:
    """What the calls are made at; `desk` prepares entries, `number` makes names differ."""

    people: PeopleAtNode
    desk: Desk
    issuer: Issuer
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def number(self) -> str:
        """Eight digits that nothing else bears."""
        return f"{next(self.numbers):08d}"

    async def call(self, *roles: Role, path: str, about: str = "", **sent: Any) -> Call:
        """A call of a new person with these roles, who proved themselves just now."""
        account = await self.people.user(*roles)
        client = await self.people.session(account)
        return Call(client, account.user.login, path, about, sent)

    def holder(self) -> Holder:
        """Somebody with a new certificate."""
        return self.issuer.holder(f"SF-{self.number()}")

    async def bind(self, user_id: int, holder: Holder) -> None:
        """Bind without asking anybody."""
        await self.people.node.parts.database.execute(
            "update users set certificate_identity = $2 where user_id = $1",
            user_id, identity_of(holder.certificate),
        )  # fmt: skip

    async def hospital(self) -> dict[str, Any]:
        """An approved institution."""
        return await self.desk.approved("institutions", org_code=self.org_code())

    def org_code(self) -> str:
        """A code that no institution has."""
        return f"9901990200{self.number()}A100"

    async def card(self, **more: Any) -> str:
        """The EHCID of a resident who was just registered, with two bound cards."""
        cards = [{"card_type": "L3", "card_no": "MZ-1"}, {"card_type": "L1", "card_no": "SB-2"}]
        message = registration(Person.invented(), card_list=cards, **more)
        registered = await self.people.node.client().register(message)
        return str(registered["ehealth_card_id"])

    async def doubles(self) -> tuple[str, str]:
        """Two accounts of one person: an identity card's, a passport's."""
        person = Person.invented()
        passport = Person(
            f"Z{self.number()}", person.user_name, person.user_sex, person.mobile_phone, "03"
        )
        client = self.people.node.client()
        cards = [
            await client.register(registration(person)),
            await client.register(registration(passport, birthday=person.id_no[6:14])),
        ]
        kept, gone = (str(card["ehealth_card_id"]) for card in cards)
        return kept, gone

    async def carried_out(self, kind: str, wish: dict[str, Any]) -> None:
        """Do what two people agreed on."""
        execute = self.people.node.parts.console.state.approval_kinds.get(kind).execute
        assert await execute(wish, by=ASKER, approved_by=APPROVER) is None


Prepare = Callable[[Stage], Awaitable[Call]]


@unique
class Tells(Enum):
    """Which values the record of an act holds."""

    CHANGE = "before and after"
    AFTER = "after"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Row:
    """What the record of a route's act says, and how the call is prepared.

    A `result` other than ok is what the route answers in its best case; `status` goes with it.
    """

    action: str
    about: str
    prepare: Prepare
    tells: Tells = Tells.CHANGE
    result: str = "ok"
    status: int = 0


def gateway_header(stage: Stage, login: str) -> str:
    """What the gateway says of somebody whose certificate it checked."""
    moment, nonce = int(stage.people.node.clock.now().timestamp()), f"{stage.number()}{'0' * 24}"
    text = f"ehc-gateway-1\n{login}\n{moment}\n{nonce}\nPOST /api/session/gateway"
    signature = hmac_sm3(SHARED, text.encode()).hex()
    return f"user={login}; time={moment}; nonce={nonce}; signature={signature}"


@pytest.fixture
async def stage(start: StartNode, node_folder: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    (tmp_path / "gateway.key").write_text(SHARED.hex())
    node = await start(
        gateway_key_file=tmp_path / "gateway.key", gateway_addresses=frozenset({GATEWAY})
    )
    issuer = Issuer(node.clock.now())
    issuer.furnish(node_folder / "trust")
    async with AsyncExitStack() as stack:
        people = await PeopleAtNode.at(node, stack)
        province = await people.session(await people.user(Role.PROVINCE_OPERATOR))
        desk = Desk(node, Console(node, FixedSessions(), stack), province)
        yield Stage(people, desk, issuer)
    shutil.rmtree(node_folder / "trust")
