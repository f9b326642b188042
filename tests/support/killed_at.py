"""A change of a node's key file, killed with SIGKILL before each of its steps in turn.

    python -m tests.support.killed_at erase FOLDER

leaves FOLDER-1, FOLDER-2, ... as the kill before the first, second, ... step left them; the
last one was not killed. A step is whatever opens, links, renames or removes a file of the
folder, and whatever draws random bytes, which is where an erasure overwrites.
"""

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from openehc.crypto.ceremony import check_values_of
from openehc.crypto.keyfile import open_key_file
from openehc.crypto.keyfile_changing import change_key_file
from openehc.crypto.keyfile_erasing import Erasure, erase_key_file
from openehc.crypto.node_keys import with_new_sealing_key
from openehc.kernel.ids import Entropy, SystemEntropy

PASSPHRASE: Final = "an invented passphrase"
EHCIN: Final = "9901A0001"
WHO: Final = "示例管理员"
NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)
NEW_KEY: Final = b"2" * 16
_STEPS: Final = frozenset({"open", "os.link", "os.rename", "os.remove"})


class Steps:
    """Counts steps, and dies at one of them."""

    def __init__(self, folder: Path, last: int) -> None:
        self._folder = os.fspath(folder)
        self._left = last

    def take(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(self, event: str, words: tuple[object, ...]) -> None:
        if event in _STEPS and self._folder in str(words[0]):
            self.take()


class CountedSteps:
    """Entropy whose draws are steps."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def bytes(self, count: int) -> bytes:
        self._steps.take()
        return SystemEntropy().bytes(count)


def _erase(path: Path, entropy: Entropy) -> None:
    values = check_values_of(open_key_file(path, PASSPHRASE))
    erase_key_file(path, Erasure(EHCIN, WHO, "停用", values), now=NOW, entropy=entropy)


def _change(path: Path, entropy: Entropy) -> None:
    change_key_file(
        path, PASSPHRASE, lambda keys: with_new_sealing_key(keys, NEW_KEY), now=NOW,
        entropy=entropy,
    )  # fmt: skip


CHANGES: Final[dict[str, Callable[[Path, Entropy], None]]] = {"erase": _erase, "change": _change}


def main() -> None:
    """Kill one step later each time, until there was nothing to kill."""
    change, folder = CHANGES[sys.argv[1]], Path(sys.argv[2])
    for last in itertools.count(1):
        copy = folder.with_name(f"{folder.name}-{last}")
        shutil.copytree(folder, copy)
        pid = os.fork()
        if pid == 0:
            steps = Steps(copy, last)
            sys.addaudithook(steps.audited)
            change(copy / "keys.json", CountedSteps(steps))
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
