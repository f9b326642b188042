"""Which crypto module (密码模块) a node uses: one setting, `crypto.backend` or `--crypto`.

    soft                              the keys of the key file, in this process
    machine:HOST[:PORT][,HOST...]     crypto machines over TCP
    sdf:LIBRARY                       a GM/T 0018 library
    proxy:URL[,URL...]                front proxies, which alone know the machines

Key places, key type and paddings of devices are settings of their own, since they
differ between makers. Opens modules; computes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from pathlib import Path
from ssl import SSLError
from typing import Final, TypeAlias

from openehc.crypto.module.frames import Dialect, MachineKeys
from openehc.crypto.module.machine import MachineCryptoModule
from openehc.crypto.module.machine_pool import MachineAddress, MachineSettings
from openehc.crypto.module.port import CryptoModule
from openehc.crypto.module.sdf import (
    KeyAccess,
    KeyByIndex,
    KeyUnderKek,
    SdfCryptoModule,
    SdfSettings,
)
from openehc.crypto.module.soft import ModuleKeys, SoftCryptoModule
from openehc.crypto.remote.connection import ProxyAddress, trusting
from openehc.crypto.remote.lane import Party
from openehc.crypto.remote.module import ProxyCryptoModule
from openehc.crypto.sm2 import KeyMalformed, Sm2PrivateKey, Sm2PublicKey
from openehc.crypto.sm4 import KEY_SIZE

DEFAULT_PORT: Final = 8018
MOST_PLACES: Final = 64
"""So many machines or proxies may be named: health asks each of them."""

_LARGEST_PORT: Final = 65_535


@unique
class Kind(StrEnum):
    """What the first word of the setting names."""

    SOFT = "soft"
    MACHINE = "machine"
    SDF = "sdf"
    PROXY = "proxy"


_Proxies: TypeAlias = tuple[tuple[ProxyAddress, str], ...]
ProxyKey: TypeAlias = str | Mapping[str, str]

CALLER_KEY: Final = "crypto_caller"
"""Under this name the key file keeps the key by which this node calls the front proxy."""

PROXY_KEY: Final = "crypto_proxy"
"""The same of the front proxy itself."""


class WrongBackend(ValueError):
    """The setting names no crypto module; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class KeyPlaces:
    """Where a device keeps the keys and how it wants to be asked; defaults of SJJ1310 machines.

    A library may be given a key that lies outside, in hex as its device encrypted it under the
    key `kek_index` (`ehc keys device`); then the index of that key counts for nothing.
    """

    safe_index: int = 104
    protect_index: int = 105
    key_type: str = "00A"
    encrypt_padding: str = "02"
    decrypt_padding: str = "05"
    kek_index: int = 0
    safe_under_kek: str = ""
    protect_under_kek: str = ""


@dataclass(frozen=True, slots=True)
class CryptoBackend:
    """A parsed setting: machines as (host, port), a library, front proxies, or none of them.

    `proxies` are places and public keys. `proxy_key` is the key in hex, of several a table by URL;
    `proxy_ca` the file whose authorities vouch for TLS. Both are told even while another kind is
    used.
    """

    kind: Kind = Kind.SOFT
    machines: tuple[tuple[str, int], ...] = ()
    library: Path | None = None
    places: KeyPlaces = field(default_factory=KeyPlaces)
    proxies: _Proxies = ()
    proxy_key: ProxyKey = ""
    proxy_ca: Path | None = None

    @property
    def holds_no_keys_here(self) -> bool:
        """Whether safe and protect key are in a device and not in the key file."""
        return self.kind is not Kind.SOFT


def parse_backend(
    text: str, places: Mapping[str, object] | None = None, *, proxy_key: ProxyKey = "",
    proxy_ca: Path | None = None,
) -> CryptoBackend:  # fmt: skip
    """The backend that the setting names; raises `WrongBackend`."""
    backend = replace(_parsed(text, places, proxy_key), proxy_key=proxy_key, proxy_ca=proxy_ca)
    if not backend.proxies or proxy_ca is None:
        return backend
    return replace(backend, proxies=_vouched(backend.proxies, proxy_ca))


def _vouched(proxies: _Proxies, authorities: Path) -> _Proxies:
    if not any(address.tls for address, _ in proxies):
        raise WrongBackend("crypto.proxy_ca is for a proxy with TLS: proxy:https://HOST:PORT")
    try:
        trusting(authorities)
    except OSError as wrong:  # ssl.SSLError is one of them
        why = "holds no certificate in PEM" if isinstance(wrong, SSLError) else wrong.strerror
        raise WrongBackend(f"crypto.proxy_ca: {authorities}: {why}") from None
    return tuple(
        (replace(address, authorities=authorities) if address.tls else address, key)
        for address, key in proxies
    )


def _parsed(text: str, places: Mapping[str, object] | None, proxy_key: ProxyKey) -> CryptoBackend:
    kind, _, rest = text.partition(":")
    try:
        where = KeyPlaces(**(places or {}))  # type: ignore[arg-type] # checked by the dialect below
        _dialect(where)
        for key in filter(None, (where.safe_under_kek, where.protect_under_kek)):
            encrypted_key(key)
    except (TypeError, ValueError) as wrong:
        raise WrongBackend(f"crypto: {wrong}") from None
    if text == Kind.SOFT:
        return CryptoBackend(places=where)
    if kind == Kind.MACHINE and rest:
        machines = tuple(machine_address(part) for part in _parts(rest))
        return CryptoBackend(Kind.MACHINE, machines=machines, places=where)
    if kind == Kind.SDF and rest:
        return CryptoBackend(Kind.SDF, library=Path(rest), places=where)
    if kind == Kind.PROXY and rest:
        return CryptoBackend(Kind.PROXY, places=where, proxies=_proxies(rest, proxy_key))
    raise WrongBackend(
        f"crypto backend {text[:80]!r}: soft, machine:HOST[:PORT][,HOST...], "
        "sdf:LIBRARY or proxy:URL[,URL...] is expected"
    )


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if len(parts) > MOST_PLACES:
        raise WrongBackend(
            f"crypto backend: {len(parts)} machines or proxies, {MOST_PLACES} at the most"
        )
    return parts


def _proxies(urls: str, proxy_key: ProxyKey) -> _Proxies:
    parts = _parts(urls)
    named = {_proxy_address(url): url.strip() for url in parts}
    if len({(address.host, address.port) for address in named}) < len(parts):
        raise WrongBackend(f"crypto backend proxy:{urls[:200]}: a proxy is named twice")
    if isinstance(proxy_key, str):
        if len(named) > 1:
            raise WrongBackend(
                "crypto.proxy_key: each of several proxies has its own key: "
                '{ "http://HOST:PORT" = "04...", ... } is expected'
            )
        return tuple((address, _pin(proxy_key, "crypto.proxy_key")) for address in named)
    keys = {_proxy_address(url): key for url, key in proxy_key.items()}
    return tuple(
        (address, _pin(keys.get(address, ""), f'crypto.proxy_key "{url[:80]}"'))
        for address, url in named.items()
    )


def _pin(key: str, where: str) -> str:
    try:
        public_key(key)
    except WrongBackend as wrong:
        raise WrongBackend(
            f"{where}: {wrong}; `ehc keys proxy show` prints it at the front proxy"
        ) from None
    return key


def _proxy_address(url: str) -> ProxyAddress:
    try:
        return ProxyAddress.of(url.strip())
    except ValueError as wrong:
        raise WrongBackend(f"crypto: front proxy {url[:80]!r}: {wrong}") from None


def public_key(text: str) -> Sm2PublicKey:
    """A public key as the commands print it, 04 and 128 hex digits; raises `WrongBackend`."""
    try:
        return Sm2PublicKey(bytes.fromhex(text))
    except (ValueError, KeyMalformed):
        raise WrongBackend("an SM2 public key of 130 hex digits is expected") from None


def machine_address(text: str) -> tuple[str, int]:
    """HOST or HOST:PORT; raises `WrongBackend`."""
    host, _, port = text.strip().partition(":")
    number = int(port) if port.isascii() and port.isdigit() else (0 if port else DEFAULT_PORT)
    if not host or not 1 <= number <= _LARGEST_PORT:
        raise WrongBackend(f"crypto machine {text[:80]!r}: HOST or HOST:PORT is expected")
    return host, number


def _dialect(places: KeyPlaces) -> Dialect:
    keys = MachineKeys(places.safe_index, places.protect_index, places.key_type)
    return Dialect(
        keys=keys,
        encrypt_padding=places.encrypt_padding,
        decrypt_padding=places.decrypt_padding,
    )


def open_module(
    backend: CryptoBackend, keys: ModuleKeys, *, local: Mapping[str, bytes] | None = None
) -> CryptoModule:
    """The module; a device that does not answer now is reported by its calls, not here.

    `local` are the named secrets of the key file; raises `WrongBackend` when the key for the
    front proxy is wanted and not among them.
    """
    if backend.kind is Kind.PROXY:
        caller = (local or {}).get(CALLER_KEY)
        if caller is None:
            raise WrongBackend(
                "this node has no key to call the front proxy with: make one with"
                " `ehc keys caller new` and let the proxy's operator allow it"
            )
        own = Sm2PrivateKey(caller)
        return ProxyCryptoModule(
            *(Party(address, public_key(key), own) for address, key in backend.proxies)
        )
    if backend.kind is Kind.MACHINE:
        return MachineCryptoModule(
            [MachineAddress(host, port) for host, port in backend.machines],
            settings=MachineSettings(dialect=_dialect(backend.places)),
        )
    if backend.kind is Kind.SDF and backend.library:
        places = backend.places
        return SdfCryptoModule(
            backend.library,
            settings=SdfSettings(
                safe_key=_access(places, places.safe_under_kek, places.safe_index),
                protect_key=_access(places, places.protect_under_kek, places.protect_index),
            ),
        )
    return SoftCryptoModule(keys)


def _access(places: KeyPlaces, encrypted: str, index: int) -> KeyAccess:
    if encrypted:
        return KeyUnderKek(places.kek_index, encrypted_key(encrypted))
    return KeyByIndex(index)


def encrypted_key(text: str) -> bytes:
    """A key as a device encrypted it, 32 hex digits; raises `WrongBackend`."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise WrongBackend("a key under a KEK has 32 hex digits")
    return key


async def close_module(module: CryptoModule) -> None:
    """Give back what the module holds; the soft one holds nothing."""
    if isinstance(module, MachineCryptoModule | SdfCryptoModule | ProxyCryptoModule):
        await module.close()
