"""Reads the values of `node.toml`: each kind of value has its bounds and says what it expects."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from ipaddress import ip_address
from typing import Any, Final, TypeVar

from openehc.access.numbers import parse_ehcin
from openehc.codes.model import SupplementPolicy
from openehc.codes.rules import LONGEST_LIFE
from openehc.crypto.keyfile import KeyPurpose
from openehc.wiring.client_certificates import ClientCertificates
from openehc.wiring.crypto_backend import ProxyKey

_SHORTEST_LIFE_SECONDS: Final = 10
_LONGEST_WINDOW_MINUTES: Final = 24 * 60
_LONGEST_CHECKPOINT_SECONDS: Final = 3600
_FEWEST_KEPT_DAYS: Final = 2  # a code that was issued before midnight is presented after it
_MOST_KEPT_DAYS: Final = 3660
_MOST_ONLINE_HOURS: Final = 24 * 90
_Choice = TypeVar("_Choice", bound=Enum)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text in quotes is expected")  # noqa: TRY004 (a setting, not a defect)
    return value


def _one_of(kind: type[_Choice]) -> Callable[[object], _Choice]:
    def one(value: object) -> _Choice:
        known = [choice.value for choice in kind]
        if value not in known:
            raise ValueError(f"one of {', '.join(known)} is expected")
        return kind(value)

    return one


def _window(value: object) -> timedelta | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number of minutes is expected")  # noqa: TRY004 (a setting)
    if not 0 <= value <= _LONGEST_WINDOW_MINUTES:
        raise ValueError(f"0 to {_LONGEST_WINDOW_MINUTES} minutes are expected")
    return timedelta(minutes=value) if value else None


def _checkpoint_seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number of seconds is expected")  # noqa: TRY004 (a setting)
    if not 1 <= value <= _LONGEST_CHECKPOINT_SECONDS:
        raise ValueError(f"1 to {_LONGEST_CHECKPOINT_SECONDS} seconds are expected")
    return float(value)


def _life(value: object) -> timedelta:
    seconds, most = _whole_number(value), int(LONGEST_LIFE.total_seconds())
    if not _SHORTEST_LIFE_SECONDS <= seconds <= most:
        raise ValueError(f"{_SHORTEST_LIFE_SECONDS} to {most} seconds are expected")
    return timedelta(seconds=seconds)


def _days_from(fewest: int) -> Callable[[object], int]:
    def days(value: object) -> int:
        told = _whole_number(value)
        if not fewest <= told <= _MOST_KEPT_DAYS:
            raise ValueError(f"{fewest} to {_MOST_KEPT_DAYS} days are expected")
        return told

    return days


def _whole_number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number is expected")  # noqa: TRY004 (a setting)
    return value


def _table_of(read: Callable[[object], Any]) -> Callable[[object], dict[str, Any]]:
    def table(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError('a table like { "key" = "value" } is expected')  # noqa: TRY004
        return {str(key): read(item) for key, item in value.items()}

    return table


def _proxy_key(value: object) -> ProxyKey:
    return _text(value) if isinstance(value, str) else _table_of(_text)(value)


def _addresses(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise ValueError('a list like ["10.0.0.5"] is expected')  # noqa: TRY004 (a setting)
    return frozenset(str(ip_address(_text(item))) for item in value)


def _node_number(value: object) -> str:
    return parse_ehcin(_text(value))


def _hours(value: object) -> int:
    hours = _whole_number(value)
    if not 1 <= hours <= _MOST_ONLINE_HOURS:
        raise ValueError(f"1 to {_MOST_ONLINE_HOURS} hours are expected")
    return hours


READERS: Final[Mapping[str, Callable[[object], Any]]] = {
    "ehcin": _node_number,
    "mode": _one_of(KeyPurpose),
    "public_url": _text,
    "passphrase_file": _text,
    "tls_certificate": _text,
    "tls_key": _text,
    "tls_client_certificates": _one_of(ClientCertificates),
    "tls_client_ca": _text,
    "tls_client_crl": _text,
    "dsn": _text,
    "owner_dsn": _text,
    "node_name": _text,
    "online_hours": _hours,
    "window_minutes": _window,
    "backend": _text,
    "proxy_key": _proxy_key,
    "proxy_ca": _text,
    "safe_index": _whole_number,
    "protect_index": _whole_number,
    "key_type": _text,
    "encrypt_padding": _text,
    "decrypt_padding": _text,
    "kek_index": _whole_number,
    "safe_under_kek": _text,
    "protect_under_kek": _text,
    "supplement": _one_of(SupplementPolicy),
    "supplement_by_treatment": _table_of(_one_of(SupplementPolicy)),
    "legacy_channels": _table_of(_node_number),
    "public_account_qrcode": _text,
    "proxies": _addresses,
    "gateway_addresses": _addresses,
    "gateway_key_file": _text,
    "checkpoint_seconds": _checkpoint_seconds,
    "checkpoint_file": _text,
    "longest_life_seconds": _life,
    "kept_days": _days_from(_FEWEST_KEPT_DAYS),
    "request_days": _days_from(0),
}
"""Setting -> what reads its value; raises ValueError that says what is expected."""
