"""A worker that is started with long registers takes no request before it holds them."""

from time import monotonic
from typing import Any, Final

import pytest

from bench.ports import free_port
from openehc.storage.pool import Database
from openehc.wiring import node as node_module
from openehc.wiring.node import start_node
from tests.support.node import _PASSPHRASE, RunningNode
from tests.support.timing import quickest

MANY: Final = 20_000

FILL: Final = """
insert into institutions (org_code, org_name)
select 'LONG-' || n, '示例机构' || n from generate_series(1, $1::int) as n
"""


@pytest.fixture(autouse=True)
async def fresh(database: Database) -> Any:
    yield
    del database


async def test_a_worker_with_long_registers_is_not_started_before_it_holds_them(
    node: RunningNode, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.parts.database.execute(FILL, MANY)
    monkeypatch.setattr(node_module, "PATIENCE_SECONDS", 0.02)

    second = await start_node(node.parts.settings, _PASSPHRASE, database_dsn)
    loaded, held = second.registry.loaded, len(second.registry._institutions)
    await second.stop()

    assert loaded
    assert held > MANY


@pytest.mark.requirement("G2-B-5.3-29")
async def test_a_worker_whose_database_is_away_is_started_within_seconds(
    node: RunningNode,
) -> None:
    nowhere = f"postgresql://openehc@127.0.0.1:{free_port()}/openehc"

    async def seconds_to_start() -> float:
        began = monotonic()
        second = await start_node(node.parts.settings, _PASSPHRASE, nowhere)
        took = monotonic() - began
        loaded, ready = second.registry.loaded, await second.ready()
        await second.stop()
        assert (loaded, ready) == (False, False)
        return took

    assert await quickest(seconds_to_start, within=8) < 8
