"""The statements of `proxy/store.py`."""

from typing import Final

SELECT_CALLERS: Final = """
select name, public_key, calls, networks, allowed_at, revoked_at from crypto_callers order by name
"""

UPSERT_CALLER: Final = """
insert into crypto_callers (name, public_key, calls, networks, allowed_at)
values ($1, $2, $3, $4, $5)
on conflict (name) do update
   set public_key = excluded.public_key, calls = excluded.calls, networks = excluded.networks,
       allowed_at = excluded.allowed_at, revoked_at = null
"""

SELECT_NAME_OF_KEY: Final = """
select name from crypto_callers where public_key = $1 and name <> $2
"""

REVOKE_CALLER: Final = """
update crypto_callers set revoked_at = $2 where name = $1 and revoked_at is null
"""

SELECT_MACHINES: Final = """
select host, port, wanted from crypto_machines order by changed_at, host, port
"""

UPSERT_MACHINE: Final = """
insert into crypto_machines (host, port, wanted) values ($1, $2, $3)
on conflict (host, port) do update set wanted = excluded.wanted, changed_at = now()
"""

SELECT_WORKERS: Final = """
select described, machines::text, seen_at from crypto_workers
 where seen_at > clock_timestamp() - make_interval(secs => $1)
 order by described
"""

UPSERT_WORKER: Final = """
insert into crypto_workers (worker, described, machines, seen_at)
values ($1, $2, $3::jsonb, clock_timestamp())
on conflict (worker) do update set machines = excluded.machines, seen_at = excluded.seen_at
"""

DELETE_WORKER: Final = "delete from crypto_workers where worker = $1"

SELECT_NOW: Final = "select clock_timestamp()"

SELECT_CALLS: Final = """
select at, actor_id, address, result, after from audit_records
 where action = $1 and at >= $2 and ($3 = '' or actor_id = $3)
 order by at desc
 limit $4
"""
