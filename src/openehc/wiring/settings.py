"""What a node is told: `node.toml` in its data folder, overruled by the command line.

    [node]
    ehcin = "3502A0001"            # entered once, never changed (材料一 附录D.1)
    mode = "production"            # or "debugging", "demo"
    public_url = "https://ehc.example.org"
    passphrase_file = "passphrase" # relative to the data folder; asked for when absent
    dsn = "postgresql://..."       # an external database; the embedded one when absent
    owner_dsn = "postgresql://..." # the same as the owner of its tables: migrations, key rotation
    tls_certificate = "tls.pem"    # both or none; relative to the data folder
    tls_key = "tls.key"
    tls_client_certificates = "offered" # "off", "demanded"; "forwarded" by console.proxies
    tls_client_ca = "clients.pem"  # who vouches for clients
    tls_client_crl = "clients.crl.pem"

    [access]
    node_name = "某市电子健康卡管理节点"  # erhc_system of 表7.1
    online_hours = 24              # an application is online so long after its last success

    [messages]
    window_minutes = 15            # 0 lets any timestamp through; refused in production

    [crypto]
    backend = "soft"               # or "machine:HOST[:PORT][,...]", "sdf:FILE", "proxy:URL[,...]"
    proxy_key = "04..."            # the front proxy's public key: `ehc keys proxy show` there;
                                   # of several { "http://HOST:PORT" = "04...", ... }
    proxy_ca = "ca.pem"            # who vouches for a proxy:https://...; the system's authorities
    safe_index = 104               # where a device keeps the keys: ask whoever filled them
    protect_index = 105
    key_type = "00A"
    encrypt_padding = "02"
    decrypt_padding = "05"
    kek_index = 9                  # a library whose keys lie outside: `ehc keys device`
    safe_under_kek = "32 hex digits"
    protect_under_kek = "32 hex digits"

    [codes]
    supplement = "warn"            # static codes: off, warn, require
    supplement_by_treatment = { "010105" = "require" }
    legacy_channels = { "35020001001" = "3502A0001" }
    public_account_qrcode = ""
    longest_life_seconds = 300     # of a dynamic code: as short as risk control wants it
    kept_days = 31                 # records of issued codes, needed while a code lives; facts stay

    [audit]
    checkpoint_seconds = 60        # how often the node signs how far its audit records are
    checkpoint_file = ""           # a copy outside the database, e.g. on another machine's disk

    [logs]
    request_days = 190             # lines of requests; 0: somebody else moves them away

    [console]
    proxies = ["10.0.0.5"]         # whose X-Forwarded-For tells where people come from
    gateway_addresses = ["10.0.0.6"] # authenticating gateways (材料一 附录F 4.2)
    gateway_key_file = "gateway.key" # relative to the data folder

The file is for its owner alone, since a DSN may hold a password; the keys are in `keys.json`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from openehc.codes.model import SupplementPolicy
from openehc.codes.rules import LONGEST_LIFE, SupplementRules
from openehc.crypto.keyfile import KeyPurpose
from openehc.wiring.client_certificates import ClientCertificates, contradiction
from openehc.wiring.crypto_backend import (
    CryptoBackend,
    KeyPlaces,
    Kind,
    WrongBackend,
    parse_backend,
)
from openehc.wiring.setting_values import READERS

ROLES: Final = ("card", "crypto")
"""The roles that a node of this version can take."""

FILE: Final = "node.toml"
_SECTIONS: Final = {
    "node": (
        "ehcin", "mode", "public_url", "passphrase_file", "dsn", "owner_dsn", "tls_certificate",
        "tls_key", "tls_client_certificates", "tls_client_ca", "tls_client_crl",
    ),
    "access": ("node_name", "online_hours"),
    "messages": ("window_minutes",),
    "crypto": (
        "backend", "proxy_key", "proxy_ca", "safe_index", "protect_index", "key_type",
        "encrypt_padding", "decrypt_padding", "kek_index", "safe_under_kek", "protect_under_kek",
    ),
    "codes": (
        "supplement", "supplement_by_treatment", "legacy_channels", "public_account_qrcode",
        "longest_life_seconds", "kept_days",
    ),
    "audit": ("checkpoint_seconds", "checkpoint_file"),
    "logs": ("request_days",),
    "console": ("proxies", "gateway_addresses", "gateway_key_file"),
}  # fmt: skip


class WrongSettings(ValueError):
    """A setting is missing or wrong; the message names it and says what is expected."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a node is told. Paths are absolute; `window` None means any time."""

    data: Path
    ehcin: str
    mode: KeyPurpose
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    roles: tuple[str, ...] = ("card",)
    dsn: str | None = None
    owner_dsn: str | None = None
    public_url: str = ""
    passphrase_file: Path | None = None
    window: timedelta | None = timedelta(minutes=15)
    supplement: SupplementRules = field(default_factory=SupplementRules)
    legacy_channels: Mapping[str, str] = field(default_factory=dict)
    public_account_qrcode: str = ""
    longest_life: timedelta = LONGEST_LIFE
    kept_days: int = 31
    request_days: int = 190
    node_name: str = ""
    online_hours: int = 24
    crypto: CryptoBackend = field(default_factory=CryptoBackend)
    checkpoint_seconds: float = 60.0
    checkpoint_file: Path | None = None
    proxies: frozenset[str] = frozenset()
    gateway_addresses: frozenset[str] = frozenset()
    gateway_key_file: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_certificates: ClientCertificates = ClientCertificates.OFF
    tls_client_ca: Path | None = None
    tls_client_crl: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        unknown = set(self.roles) - set(ROLES)
        if unknown:
            raise WrongSettings(
                f"--roles {','.join(sorted(unknown))}: this version knows {', '.join(ROLES)}"
            )
        if "crypto" in self.roles and self.crypto.kind is Kind.PROXY:
            raise WrongSettings("a front proxy (--roles crypto) does not stand behind another one")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise WrongSettings("tls_certificate and tls_key are given together or not at all")
        unclear = contradiction(self)
        if unclear:
            raise WrongSettings(unclear)
        if self.mode is KeyPurpose.PRODUCTION and self.window is None:
            raise WrongSettings("messages.window_minutes = 0 is not allowed in production mode")

    @property
    def key_file(self) -> Path:
        """Where the sealed keys are."""
        return self.data / "keys.json"

    @property
    def base_url(self) -> str:
        """Where residents and machines reach the node from outside, without a slash at the end."""
        scheme = "https" if self.tls_certificate else "http"
        return (self.public_url or f"{scheme}://{self.host}:{self.port}").rstrip("/")


def read_settings(data: Path, **overrides: Any) -> Settings:  # noqa: ANN401 (names of Settings)
    """The settings of the node in `data`; None among `overrides` means "not given"."""
    path = data / FILE
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WrongSettings(
            f"{path} does not exist: make a node with `ehc init --data {data}`, "
            f"or try the demo with `ehc demo --data {data}`"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise WrongSettings(f"{path}: {broken}") from None
    told = _told(tables, path)
    given = {name: value for name, value in overrides.items() if value is not None}
    known = {row.name for row in fields(Settings)}
    if not given.keys() <= known:
        raise TypeError(f"no such settings: {sorted(given.keys() - known)}")
    if "dsn" in given:  # another database than the file's, so another owner too
        told.pop("owner_dsn", None)
    backend = given.pop("crypto", None)
    if backend is not None:
        told["crypto"] = _backend(backend, told["crypto"])
    return Settings(**{"data": data.absolute(), **told, **given})


def _backend(text: str, told: CryptoBackend) -> CryptoBackend:
    try:
        return parse_backend(
            text, asdict(told.places), proxy_key=told.proxy_key, proxy_ca=told.proxy_ca
        )
    except WrongBackend as wrong:
        raise WrongSettings(str(wrong)) from None


def _told(tables: dict[str, Any], path: Path) -> dict[str, Any]:
    """The values of the file by the names of `Settings`."""
    flat: dict[str, Any] = {}
    for section, table in tables.items():
        if section not in _SECTIONS or not isinstance(table, dict):
            raise WrongSettings(f"{path}: unknown section [{section}]")
        for name, value in table.items():
            if name not in _SECTIONS[section]:
                raise WrongSettings(f"{path}: unknown setting {section}.{name}")
            flat[name] = value
    return _converted(flat, path)


def _converted(flat: dict[str, Any], path: Path) -> dict[str, Any]:
    if "ehcin" not in flat:
        raise WrongSettings(f"{path}: node.ehcin is missing")
    read = {name: _read(name, value, path) for name, value in flat.items()}
    told: dict[str, Any] = {name: read[name] for name in _TAKEN_OVER if name in read}
    told["mode"] = read.get("mode", KeyPurpose.PRODUCTION)
    for name in _PLACES:
        if read.get(name):
            told[name] = path.parent.absolute() / read[name]
    if "longest_life_seconds" in read:
        told["longest_life"] = read["longest_life_seconds"]
    if "window_minutes" in read:
        told["window"] = read["window_minutes"]
    told["crypto"] = _crypto(read, path)
    told["supplement"] = SupplementRules(
        default=read.get("supplement", SupplementPolicy.WARN),
        by_treatment=read.get("supplement_by_treatment", {}),
    )
    return told


def _crypto(read: dict[str, Any], path: Path) -> CryptoBackend:
    names = [place.name for place in fields(KeyPlaces)]
    places = {name: read[name] for name in names if name in read}
    authorities = read.get("proxy_ca")
    try:
        return parse_backend(
            read.get("backend", "soft"), places, proxy_key=read.get("proxy_key", ""),
            proxy_ca=path.parent.absolute() / authorities if authorities else None,
        )  # fmt: skip
    except WrongBackend as wrong:
        raise WrongSettings(f"{path}: {wrong}") from None


def _read(name: str, value: object, path: Path) -> Any:  # noqa: ANN401 (each setting has its type)
    try:
        return READERS[name](value)
    except ValueError as wrong:
        section = next(section for section, names in _SECTIONS.items() if name in names)
        raise WrongSettings(f"{path}: {section}.{name}: {wrong}") from None


_PLACES: Final = (
    "passphrase_file", "tls_certificate", "tls_key", "tls_client_ca", "tls_client_crl",
    "gateway_key_file", "checkpoint_file",
)  # fmt: skip
_TAKEN_OVER: Final = (
    "ehcin", "dsn", "owner_dsn", "public_url", "public_account_qrcode", "legacy_channels",
    "proxies", "gateway_addresses", "checkpoint_seconds",
    "node_name", "online_hours", "kept_days", "request_days", "tls_client_certificates",
)  # fmt: skip
