"""The same node on each kind of crypto module, chosen by one setting."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bench.ports import free_port
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, SoftCryptoModule
from openehc.crypto.sm2 import Sm2PrivateKey
from openehc.wiring.crypto_backend import CALLER_KEY, open_module, parse_backend
from tests.support.client import GENERATE, REGISTER, VERIFY, GatewayClient
from tests.support.crypto_machine import CryptoMachine
from tests.support.folders import new_folder
from tests.support.front_proxy import front_proxy
from tests.support.messages import Person, registration, verification
from tests.support.node import Processes, StartNode, environment
from tests.support.sdf_double import sdf_double

CALLER = Sm2PrivateKey.generate()
"""The node under test, as a caller of the front proxy."""


@pytest.fixture
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, dict[str, object]]]:
    """The setting `crypto.backend` and the settings that go with it."""
    async with AsyncExitStack() as stack:
        if request.param == "machine":
            machine = await stack.enter_async_context(CryptoMachine(PUBLIC_TEST_KEYS))
            address = machine.address
            yield f"machine:{address.host}:{address.port}", {}
        elif request.param == "sdf":
            double = stack.enter_context(sdf_double(PUBLIC_TEST_KEYS))
            yield f"sdf:{double.path}", {"safe_index": 1, "protect_index": 2}
        elif request.param == "proxy":
            soft = SoftCryptoModule(PUBLIC_TEST_KEYS)
            proxy = await stack.enter_async_context(front_proxy(soft))
            proxy.allow(key=CALLER)
            yield f"proxy:http://127.0.0.1:{proxy.port}", {"proxy_key": proxy.key.public.raw.hex()}
        else:
            yield "soft", {}


async def _verified(client: GatewayClient, person: Person) -> tuple[str, str]:
    """The card id that registration gives, and the one behind a dynamic code."""
    card_id = (await client.register(registration(person)))["ehealth_card_id"]
    wish = {"ehealth_card_id": card_id, "generate_type": "dynamic"}
    code = (await client.call(GENERATE, wish)).biz["ehealth_code"]
    holder = (await client.call(VERIFY, verification(code))).biz
    return card_id, holder["ehealth_card_id"]


@pytest.mark.requirement("G2-A-5.4-4", "G2-B-5.1-32")
@pytest.mark.parametrize("backend", ["soft", "machine", "sdf", "proxy"], indirect=True)
async def test_a_node_registers_and_verifies_with_each_backend_by_its_setting_alone(
    start: StartNode, backend: tuple[str, dict[str, object]]
) -> None:
    person = Person.invented()
    setting, others = backend
    proxy_key = str(others.pop("proxy_key", ""))
    chosen = parse_backend(setting, others, proxy_key=proxy_key)
    module = open_module(chosen, PUBLIC_TEST_KEYS, local={CALLER_KEY: CALLER.raw()})
    node = await start(module=module)

    card_id, holder = await _verified(node.client(), person)

    soft = SoftCryptoModule(PUBLIC_TEST_KEYS)
    biz = registration(person)
    mindex = await soft.make_mindex_id(biz["id_type"], biz["id_no"], biz["user_name"])
    expected = await soft.make_ehcid(biz["id_type"], biz["id_no"], mindex)
    assert (card_id, holder) == (expected.hex().upper(), expected.hex().upper())


@pytest.fixture
def machine_process() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A crypto machine as a process of its own."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.crypto_machine", "--port", str(port)],
        stdout=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert process.stdout
    process.stdout.readline()
    yield port, process
    process.kill()
    process.communicate()


@pytest.fixture
def demo_folder() -> Iterator[Path]:
    """A folder with a short path, through which the database's own user may pass."""
    folder = new_folder("ehc-")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.requirement("G2-A-5.1-4")
async def test_without_the_crypto_machine_business_fails_and_comes_back_with_it(
    machine_process: tuple[int, subprocess.Popen[bytes]], demo_folder: Path
) -> None:
    port, machine = machine_process
    command = ("demo", "--crypto", f"machine:127.0.0.1:{port}")
    demo = Processes(demo_folder / "d", free_port(), command)
    try:
        demo.start()
        async with demo.http() as http:
            client = demo.client(http)
            card_id, holder = await _verified(client, Person.invented())
            machine.kill()
            machine.wait()
            refused = await client.call(REGISTER, registration(Person.invented()))
    finally:
        demo.stop()
    assert card_id == holder
    assert refused.code == "2005"
