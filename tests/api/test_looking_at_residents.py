"""One resident at the console: masked until somebody gives a reason, and every sight recorded."""

import base64
import io
import json
import logging
import secrets
from typing import Any

import httpx
import pytest
from PIL import Image

from openehc.cards.sight import SIGHTS_AT_A_WINDOW, Sight
from openehc.cards.watch_looks import MOST_A_MINUTE, Look
from openehc.people.permissions import Role
from tests.support.client import ALTERINFO, GatewayClient
from tests.support.console import Console
from tests.support.messages import Person, alteration, registration
from tests.support.node import RunningNode

REASON = "窗口核对住院登记"
ADDRESS = "示例省虚构市试用路1号"


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 80), "#5577AA").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def person() -> Person:
    return Person.invented()


@pytest.fixture
async def card_id(client: GatewayClient, person: Person) -> str:
    """The EHCID of a resident with address, photo, tag and bound card, changed once."""
    fields = registration(
        person, address=ADDRESS, user_tags=["健康帮扶对象"],
        photo_info=base64.b64encode(picture()).decode(),
        card_list=[{"card_type": "L3", "card_no": f"MZ-{person.id_no[-6:]}"}],
    )  # fmt: skip
    made = str((await client.register(fields))["ehealth_card_id"])
    await client.call(ALTERINFO, alteration(made, work_unit="虚构单位"))
    return made


@pytest.fixture
async def operator(console: Console) -> httpx.AsyncClient:
    return await console.as_(Role.PROVINCE_OPERATOR, login=f"operator-{secrets.token_hex(4)}")


@pytest.fixture
async def window(console: Console) -> httpx.AsyncClient:
    login = f"window-{secrets.token_hex(4)}"
    return await console.as_(Role.WINDOW_OPERATOR, login=login, institution_id=1)


def in_clear(person: Person) -> tuple[str, ...]:
    return (person.id_no, person.user_name, person.mobile_phone, ADDRESS, "虚构单位",
            f"MZ-{person.id_no[-6:]}")  # fmt: skip


async def reveal(
    client: httpx.AsyncClient, card_id: str, *fields: str, reason: str = REASON
) -> httpx.Response:
    return await client.post(
        f"/api/residents/{card_id}/reveal", json={"fields": list(fields), "reason": reason}
    )


# ---------------------------------------------------------------- masked


@pytest.mark.requirement("G2-B-5.1-1", "G2-B-5.3-32")
async def test_one_resident_is_shown_masked_with_life_and_history(
    operator: httpx.AsyncClient, person: Person, card_id: str
) -> None:
    answer = await operator.get(f"/api/residents/{card_id}")

    shown = answer.json()
    assert (shown["state"], shown["tags"]) == ("active", ["健康帮扶对象"])
    assert [change["change"] for change in shown["history"]] == ["altered", "registered"]
    assert shown["history"][0]["changed_fields"] == ["work_unit"]
    assert (shown["life"]["org_name"], shown["life"]["has_photo"]) == ("示例市第一医院", True)
    assert shown["cards"][0]["card_no"].startswith("***")
    for clear in in_clear(person):
        assert clear not in answer.text


@pytest.mark.requirement("G1-9.4-1")
async def test_a_window_sees_no_history_and_no_address(
    window: httpx.AsyncClient, card_id: str
) -> None:
    shown = (await window.get(f"/api/residents/{card_id}")).json()

    assert shown["user_name"]
    assert [shown[name] for name in ("history", "life", "tags", "address", "cards")] == [None] * 5


async def test_an_unknown_resident_is_not_found(operator: httpx.AsyncClient) -> None:
    answer = await operator.get(f"/api/residents/{'F' * 64}")

    assert (answer.status_code, answer.json()["reason"]) == (404, "card_unknown")


# ---------------------------------------------------------------- in clear


@pytest.mark.requirement("G2-B-5.3-18")
async def test_fields_are_revealed_for_a_reason(
    operator: httpx.AsyncClient, person: Person, card_id: str
) -> None:
    answer = await reveal(operator, card_id, "id_no", "address", "cards")

    assert answer.json()["fields"] == {
        "id_no": person.id_no, "address": ADDRESS,
        "cards": [{"card_type": "L3", "card_no": f"MZ-{person.id_no[-6:]}"}],
    }  # fmt: skip
    assert answer.headers["cache-control"] == "no-store"


async def test_every_field_that_exists_can_be_revealed(
    operator: httpx.AsyncClient, card_id: str
) -> None:
    answer = await reveal(operator, card_id, *Sight)

    assert set(answer.json()["fields"]) == set(Sight) - {Sight.PHOTO}


async def test_the_photo_is_shown_when_it_is_asked_for(
    operator: httpx.AsyncClient, card_id: str
) -> None:
    without = await reveal(operator, card_id, "user_name")
    shown = await reveal(operator, card_id, "photo")

    assert without.json()["photo"] is None
    assert base64.b64decode(shown.json()["photo"]) == picture()


@pytest.mark.parametrize(
    "reason",
    ["", "核对", "    核对    ", "核" * 201, "核对\n登记内容", "电话 19900001234 的住户",
     "证件990101198501011234核对"],
)  # fmt: skip
async def test_nothing_is_revealed_without_a_reason_that_may_be_kept(
    operator: httpx.AsyncClient, person: Person, card_id: str, reason: str
) -> None:
    answer = await reveal(operator, card_id, "id_no", reason=reason)

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] in (["reason"], ["body.reason"])
    assert person.id_no not in answer.text


@pytest.mark.parametrize("fields", [[], ["mindex_id"], ["id_no"] * 21, "id_no"])
async def test_fields_are_named_one_by_one(
    operator: httpx.AsyncClient, card_id: str, fields: Any
) -> None:
    answer = await operator.post(
        f"/api/residents/{card_id}/reveal", json={"fields": fields, "reason": REASON}
    )

    assert answer.status_code == 422


@pytest.mark.requirement("G1-9.4-1")
@pytest.mark.parametrize("field", sorted(set(Sight) - SIGHTS_AT_A_WINDOW))
async def test_a_window_reveals_only_what_identifies(
    window: httpx.AsyncClient, card_id: str, field: str
) -> None:
    assert (await reveal(window, card_id, "user_name", field)).status_code == 403
    assert (await reveal(window, card_id, "user_name", "photo")).status_code == 200


@pytest.mark.requirement("G2-B-5.3-46")
@pytest.mark.parametrize("role", [Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN])
async def test_no_administrator_reveals_anything(
    console: Console, card_id: str, role: Role
) -> None:
    client = await console.as_(role)

    assert (await reveal(client, card_id, "user_name")).status_code == 403
    assert (await client.get(f"/api/residents/{card_id}")).status_code == 403


async def test_who_reveals_too_often_is_stopped(
    console: Console, node: RunningNode, card_id: str
) -> None:
    client = await console.as_(Role.PROVINCE_OPERATOR, login="curious")
    most = MOST_A_MINUTE[Look.REVEAL]

    codes = [(await reveal(client, card_id, "user_name")).status_code for _ in range(most + 2)]

    assert codes == [200] * most + [429] * 2
    events = await node.rows(
        "select object_ref from audit_records where action = 'residents.reveal-too-often'"
    )
    assert events == [{"object_ref": "curious"}]


# ---------------------------------------------------------------- the record


@pytest.mark.requirement("G1-9.4-5", "G2-B-5.3-18", "G2-B-5.3-46")
async def test_every_sight_is_recorded_with_its_reason_and_nothing_of_the_person(
    operator: httpx.AsyncClient, node: RunningNode, person: Person, card_id: str
) -> None:
    await operator.get(f"/api/residents/{card_id}")
    await reveal(operator, card_id, "id_no", "user_name")

    records = await node.rows(
        "select category, action, reason, after, audit_records::text as whole"
        " from audit_records where object_kind = 'resident' and object_ref = $1 order by at, ctid",
        card_id,
    )

    assert [row["action"] for row in records] == ["residents.view", "residents.reveal"]
    assert {row["category"] for row in records} == {"personal-data"}
    assert records[1]["reason"] == REASON
    assert json.loads(records[1]["after"]) == {"fields": ["id_no", "user_name"]}
    for row in records:
        for clear in in_clear(person):
            assert clear not in row["whole"]


@pytest.mark.requirement("G1-9.4-5")
async def test_nothing_is_shown_when_the_sight_cannot_be_recorded(
    operator: httpx.AsyncClient, node: RunningNode, person: Person, card_id: str
) -> None:
    await node.parts.database.execute(
        "alter table audit_records add constraint away check (category <> 'personal-data')"
        " not valid"
    )
    try:
        shown = await reveal(operator, card_id, "id_no")
        seen = await operator.get(f"/api/residents/{card_id}")
        found = await operator.post(
            "/api/residents/search", json={"by": "document", "value": person.id_no, "kind": "01"}
        )
    finally:
        await node.parts.database.execute("alter table audit_records drop constraint away")

    assert [answer.status_code for answer in (shown, seen, found)] == [503] * 3
    assert person.id_no not in shown.text + seen.text + found.text


async def test_logs_say_nothing_of_who_was_looked_at(
    operator: httpx.AsyncClient, person: Person, card_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    await reveal(operator, card_id, *Sight)
    await operator.post("/api/residents/search", json={"by": "name", "value": person.user_name})

    for clear in in_clear(person):
        assert clear not in caplog.text


@pytest.mark.parametrize("card_id", ["x", "F" * 63, "F" * 65, "..%2f..%2fkeys.json", "G" * 64])
async def test_an_address_names_a_card_id_and_nothing_else(
    operator: httpx.AsyncClient, card_id: str
) -> None:
    assert (await operator.get(f"/api/residents/{card_id}")).status_code in {404, 422}
