"""Keys by which callers and the front proxy know each other, in the sealed key file.

Made at random inside; only the public halves are ever shown.
"""

from openehc.crypto.keyfile import open_key_file
from openehc.crypto.keyfile_changing import change_key_file
from openehc.crypto.node_keys import NodeKeys, with_local
from openehc.crypto.sm2 import Sm2PrivateKey, Sm2PublicKey
from openehc.kernel.clock import SystemClock
from openehc.kernel.ids import SystemEntropy
from openehc.wiring.crypto_backend import CALLER_KEY, PROXY_KEY, Kind
from openehc.wiring.settings import Settings, WrongSettings


def new_key(settings: Settings, passphrase: str, *, name: str) -> Sm2PublicKey:
    """Make the key of that name, in place of the one before; returns its public half."""
    key = Sm2PrivateKey.generate()
    change_key_file(
        settings.key_file, passphrase, lambda keys: with_local(keys, name, key.raw()),
        now=SystemClock().now(), entropy=SystemEntropy(),
    )  # fmt: skip
    return key.public


def public_half(keys: NodeKeys, name: str) -> Sm2PublicKey | None:
    """The public half of the key of that name; None when there is none."""
    secret = keys.local.get(name)
    return Sm2PrivateKey(secret).public if secret else None


def require_keys(settings: Settings, passphrase: str) -> None:
    """Before workers start: a proxy has its key, a node that calls one has its own.

    The proxy's is made at its first start; raises `WrongSettings` where a caller's lacks.
    """
    keys = open_key_file(settings.key_file, passphrase)
    if "crypto" in settings.roles and PROXY_KEY not in keys.local:
        new_key(settings, passphrase, name=PROXY_KEY)
    if settings.crypto.kind is Kind.PROXY and CALLER_KEY not in keys.local:
        raise WrongSettings(
            "this node has no key to call the front proxy with: make one with"
            " `ehc keys caller new` and let the proxy's operator allow it"
        )
