"""A node signs checkpoints of its audit records while it runs and when it stops."""

from dataclasses import replace
from pathlib import Path

import pytest

from openehc.audit.checkpoint import KEY_NAME, signing_key
from openehc.audit.verify_store import VerifyStore
from openehc.audit.verify_trail import VerifyTrail
from openehc.crypto.keyfile import KeyPurpose, create_key_file, open_key_file
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS
from openehc.crypto.node_keys import fresh_node_keys
from openehc.kernel.clock import SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.storage.pool import Database
from openehc.wiring.audit_key import SOURCES, keys_with_audit_key
from tests.support.audit import EVENT
from tests.support.node import StartNode
from tests.support.waiting import until


async def test_a_node_that_stops_signs_what_it_recorded(
    start: StartNode, database: Database, node_folder: Path
) -> None:
    node = await start()
    await node.parts.trail.record(EVENT)

    await node.parts.stop()

    keys = open_key_file(node_folder / "keys.json", "an invented passphrase")
    public = signing_key(keys.local[KEY_NAME]).public.raw
    report = await VerifyTrail(VerifyStore(database), SOURCES, [public])()
    assert (report.sound, report.checkpoints, report.uncovered) == (True, 1, 0)


async def test_a_node_signs_while_it_runs(start: StartNode, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    node = await start(checkpoint_seconds=0.05, checkpoint_file=copy)
    await node.parts.trail.record(EVENT)

    await until(copy.exists)

    assert len(copy.read_bytes().splitlines()) == 1


async def test_a_checkpoint_that_cannot_be_copied_does_not_stop_the_node(
    start: StartNode, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = await start(checkpoint_seconds=0.05, checkpoint_file=tmp_path / "no" / "folder")
    await node.parts.trail.record(EVENT)

    await until(lambda: "audit checkpoint" in caplog.text)

    await node.parts.trail.record(replace(EVENT, object_ref="8"))


def test_an_older_key_file_gets_its_audit_key_once(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    older = fresh_node_keys(PUBLIC_TEST_KEYS, local={}, entropy=SystemEntropy())
    create_key_file(
        file, "an invented passphrase", older, purpose=KeyPurpose.DEBUGGING,
        now=SystemClock().now(), entropy=SystemEntropy(),
    )  # fmt: skip

    made = keys_with_audit_key(file, "an invented passphrase")
    again = keys_with_audit_key(file, "an invented passphrase")

    assert made.local[KEY_NAME] == again.local[KEY_NAME]
    assert open_key_file(file, "an invented passphrase") == made
