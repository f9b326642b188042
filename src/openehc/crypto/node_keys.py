"""The long-lived keys of one node, in memory.

Reads and writes no file (`keyfile.py` does) and makes no keys but fresh ones from
given randomness. Which version of a key the stored rows are under, the database
tells (`wiring/rotation_worker.py`); here it is only held.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from openehc.crypto.module.soft import ModuleKeys
from openehc.crypto.sm4 import KEY_SIZE
from openehc.kernel.ids import Entropy

INDEX_KEY_SIZE: Final = 32
FIRST_VERSION: Final = 1
_LOCAL_SIZES: Final = frozenset({16, 32})
_LAST_VERSION: Final = 0xFFFF


@dataclass(frozen=True, slots=True, repr=False)
class NodeKeys:
    """Everything that must survive a restart and never be seen.

    `module`: safe and protect key; `sealing`: 16-byte keys by version (0 to 65535),
    `sealing_current` the one for new values; `blind_index`: 32 bytes, of version
    `blind_index_version`; `other_indexes`: the index keys that come or went, by
    version; `local`: named secrets of 16 or 32 bytes; `filled_at`: when the module
    keys were filled in (材料二 2.8), no part of what makes two sets of keys equal.
    Raises ValueError for other sizes.
    """

    module: ModuleKeys
    sealing: Mapping[int, bytes]
    sealing_current: int
    blind_index: bytes
    local: Mapping[str, bytes] = field(default_factory=dict)
    blind_index_version: int = FIRST_VERSION
    other_indexes: Mapping[int, bytes] = field(default_factory=dict)
    filled_at: datetime | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse keys of a wrong size, and a current version that is not held."""
        if self.sealing_current not in self.sealing:
            raise ValueError("the current sealing key version is not among the sealing keys")
        if self.blind_index_version in self.other_indexes:
            raise ValueError("the current blind index key is among the other ones")
        versions = (*self.sealing, *self.blind_indexes)
        if not all(0 <= version <= _LAST_VERSION for version in versions):
            raise ValueError(f"key versions lie in 0..{_LAST_VERSION}")
        if any(len(key) != KEY_SIZE for key in self.sealing.values()):
            raise ValueError(f"a sealing key has {KEY_SIZE} bytes")
        if any(len(key) != INDEX_KEY_SIZE for key in self.blind_indexes.values()):
            raise ValueError(f"a blind index key has {INDEX_KEY_SIZE} bytes")
        if any(len(secret) not in _LOCAL_SIZES for secret in self.local.values()):
            raise ValueError("a local secret has 16 or 32 bytes")

    @property
    def blind_indexes(self) -> dict[int, bytes]:
        """Every held blind index key by version."""
        return {self.blind_index_version: self.blind_index, **self.other_indexes}

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
        sealing={FIRST_VERSION: entropy.bytes(KEY_SIZE)},
        sealing_current=FIRST_VERSION,
        blind_index=entropy.bytes(INDEX_KEY_SIZE),
        local={name: entropy.bytes(size) for name, size in local.items()},
    )


def with_module_keys(keys: NodeKeys, module: ModuleKeys, *, filled_at: datetime) -> NodeKeys:
    """The same keys with other keys of the crypto module, filled in at `filled_at`."""
    return replace(keys, module=module, filled_at=filled_at)


def with_local(keys: NodeKeys, name: str, secret: bytes) -> NodeKeys:
    """The keys with this named secret, in place of the one that had the name before."""
    return replace(keys, local={**keys.local, name: secret})


def with_new_sealing_key(keys: NodeKeys, key: bytes) -> NodeKeys:
    """`key` held as the next version, not in use yet; raises ValueError when one waits already."""
    return replace(keys, sealing={**keys.sealing, _next(keys.sealing, keys.sealing_current): key})


def with_new_index_key(keys: NodeKeys, key: bytes) -> NodeKeys:
    """`key` held as the next version, not in use yet; raises ValueError when one waits already."""
    version = _next(keys.blind_indexes, keys.blind_index_version)
    return replace(keys, other_indexes={**keys.other_indexes, version: key})


def waiting_sealing_version(keys: NodeKeys) -> int | None:
    """The version that was filled in and is not in use yet."""
    return _waiting(keys.sealing, keys.sealing_current)


def waiting_index_version(keys: NodeKeys) -> int | None:
    """The version that was filled in and is not in use yet."""
    return _waiting(keys.blind_indexes, keys.blind_index_version)


def with_current_sealing(keys: NodeKeys, version: int) -> NodeKeys:
    """New values are sealed under `version` from now on; raises ValueError when it is not held."""
    return replace(keys, sealing_current=version)


def with_current_index(keys: NodeKeys, version: int) -> NodeKeys:
    """Values are indexed under `version` from now on; raises ValueError when it is not held."""
    held = keys.blind_indexes
    if version not in held:
        raise ValueError(f"no blind index key of version {version} is held")
    others = {other: key for other, key in held.items() if other != version}
    return replace(
        keys, blind_index=held[version], blind_index_version=version, other_indexes=others
    )


def without_versions(
    keys: NodeKeys, *, sealing: Collection[int] = (), index: Collection[int] = ()
) -> NodeKeys:
    """The keys without these versions; raises ValueError for one that is in use."""
    if keys.sealing_current in sealing or keys.blind_index_version in index:
        raise ValueError("a key version that is in use cannot be dropped")
    kept = {version: key for version, key in keys.sealing.items() if version not in sealing}
    others = {version: key for version, key in keys.other_indexes.items() if version not in index}
    return replace(keys, sealing=kept, other_indexes=others)


def _waiting(held: Mapping[int, bytes], current: int) -> int | None:
    return max((version for version in held if version > current), default=None)


def _next(held: Mapping[int, bytes], current: int) -> int:
    if _waiting(held, current) is not None:
        raise ValueError("a new key waits for its rotation already")
    return current + 1
