"""Patience with the database: no test fails because the machine was busy for a while.

The platform gives up on a connection after two seconds and on a statement after ten. A test of
something else waits for a minute; what the platform's own limits do is tested with
`production_patience`.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from openehc.storage import migrations, notify, pool, worker_role

_MINUTE: Final = 60.0
_PRODUCTION: Final = (pool.CONNECT_SECONDS, pool.COMMAND_SECONDS)


def _be_patient(patch: pytest.MonkeyPatch, *, connect: float, command: float) -> None:
    for module in (pool, notify):
        patch.setattr(module, "CONNECT_SECONDS", connect)
    for module in (migrations, worker_role):
        patch.setattr(module, "_CONNECT_SECONDS", int(_MINUTE))
    defaults = vars(pool.Database)["connect"].__func__.__kwdefaults__
    patch.setitem(defaults, "patience", command)


@pytest.fixture(scope="session", autouse=True)
def patient_with_the_database() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        _be_patient(patch, connect=_MINUTE, command=_MINUTE)
        yield


@pytest.fixture
def production_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of the platform itself."""
    connect, command = _PRODUCTION
    _be_patient(monkeypatch, connect=connect, command=command)
