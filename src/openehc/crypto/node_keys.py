"""The long-lived keys of one node, in memory.

Reads and writes no file (`keyfile.py` does) and makes no keys but fresh ones from
given randomness.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from openehc.crypto.module.soft import ModuleKeys
from openehc.crypto.sm4 import KEY_SIZE
from openehc.kernel.ids import Entropy

INDEX_KEY_SIZE: Final = 32
_LOCAL_SIZES: Final = frozenset({16, 32})
_LAST_VERSION: Final = 0xFFFF


@dataclass(frozen=True, slots=True, repr=False)
class NodeKeys:
    """Everything that must survive a restart and never be seen.

    `module`: safe and protect key; `sealing`: 16-byte keys by version (0 to 65535),
    `sealing_current` the one for new values; `blind_index`: 32 bytes; `local`: named
    secrets of 16 or 32 bytes. Raises ValueError for other sizes.
    """

    module: ModuleKeys
    sealing: Mapping[int, bytes]
    sealing_current: int
    blind_index: bytes
    local: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse keys of a wrong size, and a current version that is not held."""
        if self.sealing_current not in self.sealing:
            raise ValueError("the current sealing key version is not among the sealing keys")
        if not all(0 <= version <= _LAST_VERSION for version in self.sealing):
            raise ValueError(f"sealing key versions lie in 0..{_LAST_VERSION}")
        if any(len(key) != KEY_SIZE for key in self.sealing.values()):
            raise ValueError(f"a sealing key has {KEY_SIZE} bytes")
        if len(self.blind_index) != INDEX_KEY_SIZE:
            raise ValueError(f"the blind index key has {INDEX_KEY_SIZE} bytes")
        if any(len(secret) not in _LOCAL_SIZES for secret in self.local.values()):
            raise ValueError("a local secret has 16 or 32 bytes")

    def __repr__(self) -> str:
        """Versions and names only, nothing of the keys."""
        return (
            f"NodeKeys(sealing versions {sorted(self.sealing)}, current {self.sealing_current},"
            f" local {sorted(self.local)})"
        )


def fresh_node_keys(module: ModuleKeys, *, local: Mapping[str, int], entropy: Entropy) -> NodeKeys:
    """Keys for a new node around given module keys; `local` maps names to sizes in bytes."""
    return NodeKeys(
        module=module,
        sealing={1: entropy.bytes(KEY_SIZE)},
        sealing_current=1,
        blind_index=entropy.bytes(INDEX_KEY_SIZE),
        local={name: entropy.bytes(size) for name, size in local.items()},
    )
