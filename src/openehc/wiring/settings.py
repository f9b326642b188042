"""What a node is told: `node.toml` in its data folder, overruled by the command line.

    [node]
    ehcin = "3502A0001"            # entered once, never changed (材料一 附录D.1)
    mode = "production"            # or "debugging", "demo"
    public_url = "https://ehc.example.org"
    passphrase_file = "passphrase" # relative to the data folder; asked for when absent

    [messages]
    window_minutes = 15            # 0 lets any timestamp through; refused in production

    [codes]
    supplement = "warn"            # static codes: off, warn, require
    supplement_by_treatment = { "010105" = "require" }
    legacy_channels = { "35020001001" = "3502A0001" }
    public_account_qrcode = ""

Holds no secret; the keys are in `keys.json`, sealed.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from openehc.access.numbers import WrongNumber, parse_ehcin
from openehc.codes.model import SupplementPolicy
from openehc.codes.rules import SupplementRules
from openehc.crypto.keyfile import KeyPurpose

ROLES: Final = ("card",)
"""The roles that a node of this version can take."""

FILE: Final = "node.toml"
_SECTIONS: Final = {
    "node": ("ehcin", "mode", "public_url", "passphrase_file", "dsn"),
    "messages": ("window_minutes",),
    "codes": (
        "supplement", "supplement_by_treatment", "legacy_channels", "public_account_qrcode",
    ),
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
    public_url: str = ""
    passphrase_file: Path | None = None
    window: timedelta | None = timedelta(minutes=15)
    supplement: SupplementRules = field(default_factory=SupplementRules)
    legacy_channels: Mapping[str, str] = field(default_factory=dict)
    public_account_qrcode: str = ""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        unknown = set(self.roles) - set(ROLES)
        if unknown:
            raise WrongSettings(
                f"--roles {','.join(sorted(unknown))}: this version knows {', '.join(ROLES)}"
            )
        if self.mode is KeyPurpose.PRODUCTION and self.window is None:
            raise WrongSettings("messages.window_minutes = 0 is not allowed in production mode")

    @property
    def key_file(self) -> Path:
        """Where the sealed keys are."""
        return self.data / "keys.json"

    @property
    def base_url(self) -> str:
        """Where residents and machines reach the node from outside, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


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
    return Settings(**{"data": data.absolute(), **told, **given})


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
    told: dict[str, Any] = {
        name: flat[name] for name in ("dsn", "public_url", "public_account_qrcode") if name in flat
    }
    try:
        told["ehcin"] = parse_ehcin(str(flat["ehcin"]))
        told["mode"] = KeyPurpose(flat.get("mode", "production"))
        if "passphrase_file" in flat:
            told["passphrase_file"] = path.parent.absolute() / flat["passphrase_file"]
        if "window_minutes" in flat:
            minutes = float(flat["window_minutes"])
            told["window"] = timedelta(minutes=minutes) if minutes > 0 else None
        told["supplement"] = SupplementRules(
            default=SupplementPolicy(flat.get("supplement", "warn")),
            by_treatment={
                code: SupplementPolicy(policy)
                for code, policy in flat.get("supplement_by_treatment", {}).items()
            },
        )
        told["legacy_channels"] = {
            channel: parse_ehcin(ehcin)
            for channel, ehcin in flat.get("legacy_channels", {}).items()
        }
    except KeyError as missing:
        raise WrongSettings(f"{path}: {missing} is missing") from None
    except (WrongNumber, ValueError, AttributeError, TypeError) as wrong:
        raise WrongSettings(f"{path}: {wrong}") from None
    return told
