"""The three administrators of a new node: made with it, there from its first start on.

`ehc init` makes no database. It keeps the hashes of their one-time passwords in a file for
its owner alone; the first start takes them in and removes the file. Nobody who exists
already is touched, so a start that is cut off between the two is simply repeated.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openehc.crypto.wiping import wipe
from openehc.kernel.ids import Entropy, SystemEntropy
from openehc.kernel.refusal import Reason, Refusal
from openehc.people.make_user import UserToMake
from openehc.people.passwords import hash_now, initial_password
from openehc.people.permissions import Role
from openehc.wiring.creating import write_private
from openehc.wiring.first_people import FirstPeople
from openehc.wiring.settings import WrongSettings

FILE: Final = "administrators.json"


@dataclass(frozen=True, slots=True)
class Administrator:
    """One of the three."""

    login: str
    display_name: str
    role: Role


ADMINISTRATORS: Final = (
    Administrator("sysadmin", "系统管理员", Role.SYSTEM_ADMIN),
    Administrator("secadmin", "安全管理员", Role.SECURITY_ADMIN),
    Administrator("auditadmin", "审计管理员", Role.AUDIT_ADMIN),
)


def make_administrators(data: Path, entropy: Entropy) -> dict[str, str]:
    """Write the file; returns the one-time passwords by login, which are kept nowhere."""
    passwords = {one.login: initial_password(entropy) for one in ADMINISTRATORS}
    hashes = {login: hash_now(password) for login, password in passwords.items()}
    write_private(data / FILE, json.dumps(hashes, indent=1) + "\n")
    return passwords


async def take_in(first: FirstPeople, data: Path) -> None:
    """Let the administrators of the file exist; it is overwritten and removed.

    Raises WrongSettings when the file cannot be used.
    """
    path = data / FILE
    hashes = _hashes(path)
    for one in ADMINISTRATORS:
        asked = UserToMake(
            one.login, one.display_name, frozenset({one.role}), password_hash=hashes[one.login]
        )
        made = await first.make(asked)
        if isinstance(made, Refusal) and made.reason is not Reason.RECORD_EXISTS:
            raise WrongSettings(f"{path}: {one.login}: {made.reason.value}")
    wipe(path, entropy=SystemEntropy())


def _hashes(path: Path) -> dict[str, str]:
    try:
        told = json.loads(path.read_text("utf-8"))
        return {one.login: str(told[one.login]) for one in ADMINISTRATORS}
    except (ValueError, KeyError, TypeError):
        raise WrongSettings(
            f"{path} is damaged: remove it, and make the administrators with `ehc people add`"
        ) from None
