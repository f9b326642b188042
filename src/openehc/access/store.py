"""The registers in the database: the only file of `access` that touches it."""

from typing import Final

from openehc.access.model import Application, Institution, Standing, Terminal
from openehc.access.registry import Registers
from openehc.crypto.sealing import ProfileSealer
from openehc.kernel.ids import Entropy
from openehc.storage.pool import Database

CHANNEL: Final = "registry"
"""The notification channel on which the database tells that a register changed."""

SELECT_INSTITUTIONS: Final = """
select institution_id, org_code, org_name, standing from institutions
"""

SELECT_TERMINALS: Final = """
select term_id, institution_id, term_name, standing from terminals
"""

SELECT_APPLICATIONS: Final = """
select a.app_id, a.sealed_secret, a.institution_id, a.app_name, a.app_channel, a.ehcappid,
       a.wire_profile, a.standing,
       coalesce(array_agg(g.method) filter (where g.method is not null), '{}') as grants
  from applications a
  left join application_grants g using (app_id)
 group by a.app_id
"""

INSERT_INSTITUTION: Final = """
insert into institutions (org_code, org_name) values ($1, $2)
on conflict (org_code) do update set org_name = excluded.org_name
returning institution_id
"""

INSERT_APPLICATION: Final = """
insert into applications (app_id, institution_id, app_name, app_channel, ehcappid, sealed_secret,
                          wire_profile)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (app_id) do update
   set institution_id = excluded.institution_id, app_name = excluded.app_name,
       app_channel = excluded.app_channel, ehcappid = excluded.ehcappid,
       sealed_secret = excluded.sealed_secret, wire_profile = excluded.wire_profile
"""

DELETE_GRANTS: Final = """
delete from application_grants where app_id = $1 and not method = any($2::text[])
"""

INSERT_GRANTS: Final = """
insert into application_grants (app_id, method) select $1, unnest($2::text[])
on conflict do nothing
"""

INSERT_TERMINAL: Final = """
insert into terminals (term_id, institution_id, term_name) values ($1, $2, $3)
on conflict (term_id) do update
   set institution_id = excluded.institution_id, term_name = excluded.term_name
"""


class AccessStore:
    """Reads and writes the registers; application secrets are sealed at rest."""

    def __init__(self, database: Database, sealer: ProfileSealer, entropy: Entropy) -> None:
        self._database = database
        self._sealer = sealer
        self._entropy = entropy

    async def registers(self) -> Registers:
        """Everything that is registered now."""
        async with self._database.transaction() as connection:
            institutions = await connection.fetch(SELECT_INSTITUTIONS)
            applications = await connection.fetch(SELECT_APPLICATIONS)
            terminals = await connection.fetch(SELECT_TERMINALS)
        return Registers(
            institutions=tuple(
                Institution(row["institution_id"], row["org_code"], row["org_name"],
                            Standing(row["standing"]))
                for row in institutions
            ),
            applications=tuple(
                Application(
                    app_id=row["app_id"],
                    secret=self._open_secret(row["app_id"], row["sealed_secret"]),
                    institution_id=row["institution_id"], app_name=row["app_name"],
                    app_channel=row["app_channel"], ehcappid=row["ehcappid"],
                    grants=frozenset(row["grants"]), standing=Standing(row["standing"]),
                    wire_profile=row["wire_profile"],
                )
                for row in applications
            ),
            terminals=tuple(
                Terminal(row["term_id"], row["institution_id"], row["term_name"],
                         Standing(row["standing"]))
                for row in terminals
            ),
        )  # fmt: skip

    def _open_secret(self, app_id: str, sealed: bytes) -> str:
        return self._sealer.open(sealed, row=secret_row(app_id)).decode()

    async def save_institution(self, *, org_code: str, org_name: str) -> int:
        """Register the institution, or rename it; returns its id."""
        found = await self._database.fetchval(INSERT_INSTITUTION, org_code, org_name)
        return int(found)

    async def save_application(self, app: Application) -> None:
        """Register the application, or change it; afterwards it has exactly these grants."""
        sealed = self._sealer.seal(
            app.secret.encode(), row=secret_row(app.app_id), entropy=self._entropy
        ).content
        async with self._database.transaction() as connection:
            await connection.execute(
                INSERT_APPLICATION, app.app_id, app.institution_id, app.app_name, app.app_channel,
                app.ehcappid, sealed, app.wire_profile,
            )  # fmt: skip
            grants = sorted(app.grants)
            await connection.execute(DELETE_GRANTS, app.app_id, grants)
            await connection.execute(INSERT_GRANTS, app.app_id, grants)

    async def save_terminal(self, terminal: Terminal) -> None:
        """Register the terminal, or change it."""
        await self._database.execute(
            INSERT_TERMINAL, terminal.term_id, terminal.institution_id, terminal.term_name
        )


def secret_row(app_id: str) -> bytes:
    """The identity under which an application's secret is sealed."""
    return b"applications.sealed_secret:" + app_id.encode()
