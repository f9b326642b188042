"""The key that signs checkpoints of the audit records, and the marks beside the database."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from openehc.audit.checkpoint import KEY_NAME, SECRET_SIZE, signing_key
from openehc.audit.checkpoint_store import CheckpointStore
from openehc.audit.fold_marks import FoldMarks
from openehc.audit.mark_files import MarkFiles
from openehc.audit.sign_checkpoints import SignCheckpoints
from openehc.audit.sources import RECORDS
from openehc.audit.trail import AuditTrail
from openehc.cards.usage_chain_store import FACTS
from openehc.crypto.keyfile import open_key_file
from openehc.crypto.keyfile_changing import change_key_file
from openehc.crypto.node_keys import NodeKeys, with_local
from openehc.kernel.clock import Clock, SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.storage.pool import Database
from openehc.wiring.settings import Settings

SOURCES: Final = (RECORDS, FACTS)
"""Every table that holds chains."""

MARKS_FOLDER: Final = "marks"
"""Where, in the data folder, processes note how far their chains are."""

_log: Final = logging.getLogger("openehc.audit")


def keys_with_audit_key(path: Path, passphrase: str) -> NodeKeys:
    """The keys of the file; an older file gets its audit key now.

    Raises what `change_key_file` raises.
    """
    keys = open_key_file(path, passphrase)
    if KEY_NAME in keys.local:
        return keys
    entropy = SystemEntropy()
    secret = entropy.bytes(SECRET_SIZE)
    changed = change_key_file(
        path, passphrase, lambda found: found if KEY_NAME in found.local
        else with_local(found, KEY_NAME, secret),
        now=SystemClock().now(), entropy=entropy,
    )  # fmt: skip
    return changed.after


def marks_of(settings: Settings) -> MarkFiles:
    """What a process that writes chains notes in the node's data folder."""
    return MarkFiles(settings.data / MARKS_FOLDER)


def trail_beside(settings: Settings, database: Database) -> AuditTrail:
    """What a command that runs beside the node writes its records with."""
    return AuditTrail(database, SystemEntropy(), marks_of(settings))


def checkpoints_of(
    settings: Settings, local: Mapping[str, bytes], database: Database, clock: Clock,
    marks: MarkFiles,
) -> SignCheckpoints | None:  # fmt: skip
    """The use case that signs and folds marks; None when the key file holds no audit key."""
    secret = local.get(KEY_NAME)
    if secret is None:
        _log.warning("the key file holds no audit key: checkpoints are not signed")
        return None
    key, store = signing_key(secret), CheckpointStore(database, SOURCES)
    fold = FoldMarks(marks, store, key.public.raw)
    return SignCheckpoints(store, key, clock, settings.checkpoint_file, fold)
