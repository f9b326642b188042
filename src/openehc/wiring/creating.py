"""Making a new node: its keys, its passphrase file, its settings. Never overwrites one."""

import json
import os
import secrets
from pathlib import Path
from typing import Final

from openehc.access.credentials import secret_of
from openehc.access.numbers import parse_ehcin
from openehc.audit.checkpoint import KEY_NAME, SECRET_SIZE
from openehc.crypto.keyfile import KeyPurpose, create_key_file
from openehc.crypto.module.soft import PUBLIC_TEST_KEYS, ModuleKeys
from openehc.crypto.node_keys import fresh_node_keys
from openehc.crypto.sm4 import KEY_SIZE
from openehc.kernel.clock import SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.wiring.settings import FILE

FOLDER_MODE: Final = 0o711
"""The database server may run under its own user and has to pass through; every secret file is
readable by its owner alone."""


def new_secret() -> str:
    """An application secret."""
    return secret_of(SystemEntropy())


def create_node(
    data: Path, *, ehcin: str, mode: KeyPurpose, passphrase: str, passphrase_file: str | None
) -> None:
    """Write `keys.json` and `node.toml`; raises KeyFileExists when the node exists.

    In demo and debugging operation the crypto module gets the public test keys
    (材料二 2.5); in production fresh ones, until the issued keys are filled in.
    """
    parse_ehcin(ehcin)
    data.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    entropy = SystemEntropy()
    module = (
        ModuleKeys(entropy.bytes(KEY_SIZE), entropy.bytes(KEY_SIZE))
        if mode is KeyPurpose.PRODUCTION
        else PUBLIC_TEST_KEYS
    )
    keys = fresh_node_keys(module, local={KEY_NAME: SECRET_SIZE}, entropy=entropy)
    create_key_file(
        data / "keys.json", passphrase, keys, purpose=mode, now=SystemClock().now(),
        entropy=entropy,
    )  # fmt: skip
    lines = ["[node]", f'ehcin = "{ehcin}"', f'mode = "{mode.value}"']
    if passphrase_file:
        # TOML's basic strings escape as JSON does; a Windows path holds backslashes
        lines.append(f"passphrase_file = {json.dumps(passphrase_file, ensure_ascii=False)}")
    write_private(data / FILE, "\n".join(lines) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
