"""A database that is no longer new: accounts of residents whom nobody will ask for.

Their rows have the size and the scatter of real ones and are sealed under no key; the
measured load registers residents of its own beside them. An index that fits into a few
pages costs a fraction of one that does not, so an empty database flatters every figure.
"""

from pathlib import Path
from typing import Final

import psycopg

from openehc.wiring.rotation_database import running_dsn

AT_ONCE: Final = 100_000
MOST: Final = 50_000_000

_FILL: Final = """
with made as materialized (
    select sha256(('card ' || n)::bytea) as ehcid, sha256(('document ' || n)::bytea) as document,
           sha256(('phone ' || n)::bytea) as phone, sha256(('name ' || n %% 90000)::bytea) as name,
           md5('serial ' || n)::uuid as serial, now() - interval '1 second' * (n %% 30000000) as at
      from generate_series(%(first)s::bigint, %(last)s::bigint) n
), carded as (
    insert into cards (ehcid, state, sealed_profile, phone_index, name_index, origin,
                       institution_id, app_id, apply_method, certificate_mode, registered_at,
                       activated_at)
    select ehcid, 'active', ehcid || document || sha256(ehcid || document) || sha256(document)
           || sha256(phone || ehcid) || sha256(phone || document) || sha256(ehcid) || sha256(phone)
           || sha256(name || ehcid), phone, name, 'bench',
            a.institution_id, a.app_id, '1', '1', at, at
      from made cross join (select institution_id, app_id from applications limit 1) a
), documented as (
    insert into card_documents (document_index, ehcid) select document, ehcid from made
), told as (
    insert into card_history (ehcid, revision, change, changed_at, app_id, term_id,
                              platform_serial)
    select ehcid, 1, 'registered', at, a.app_id, t.term_id, serial::text
      from made cross join (select app_id from applications limit 1) a
           cross join (select term_id from terminals limit 1) t
)
insert into used_serials (lead, serial)
select to_char(at, 'YYYYMMDDHH24MISS')::bigint, serial from made
"""


def fill(data: Path, *, residents: int) -> None:
    """Add so many accounts to the embedded database of the running node in `data`.

    Ends with a checkpoint: the load begins where each page that it touches goes whole into
    the log.
    """
    dsn = running_dsn(data / "postgres") or ""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for first in range(1, residents + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, residents)
            connection.execute(_FILL, {"first": first, "last": last})
        connection.execute("vacuum analyze cards, card_documents, card_history, used_serials")
        connection.execute("checkpoint")
