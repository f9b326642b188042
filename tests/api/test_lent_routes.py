"""The routes that tests describe once for all nodes are those of a node that serves people."""

from openehc.console.api.application import permissions_of
from openehc.wiring.console import Console
from tests.support.node import RunningNode


async def test_the_common_routes_are_those_of_a_node(node: RunningNode) -> None:
    console = node.parts.console

    own = Console(console._parts).api

    assert permissions_of(console.api) == permissions_of(own)
    assert console.api.openapi() == own.openapi()
