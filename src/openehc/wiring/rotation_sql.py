"""The statements of a rotation: its state, and the rows that it writes anew.

Row statements take the key of the last row that was done and a number of rows; they
lock what they read, so that nobody changes a row between reading and writing it.
"""

from typing import Final

LOCK: Final = "select pg_try_advisory_lock($1)"

STATE: Final = """
select epoch, sealing_version, index_version, kind, from_version, to_version, stage from key_state
"""

RUNNING: Final = """
select rotation_id, kind, from_version, to_version, stage, step, position, rows_done
  from key_rotations where stage <> 'done'
"""

LATEST: Final = """
select kind, from_version, to_version, stage, rows_done, started_at, finished_at
  from key_rotations order by rotation_id desc limit 20
"""

BEGIN: Final = """
insert into key_rotations (kind, from_version, to_version) values ($1, $2, $3)
"""

STATE_BEGUN: Final = """
update key_state
   set epoch = epoch + 1, kind = $1, from_version = $2, to_version = $3, stage = 'spread'
"""

ROTATION_STAGE: Final = """
update key_rotations
   set stage = $1, step = '', position = '', rows_done = 0, changed_at = now()
 where stage <> 'done'
"""

STATE_STAGE: Final = "update key_state set epoch = epoch + 1, stage = $1"

ROTATION_DONE: Final = """
update key_rotations set stage = 'done', changed_at = now(), finished_at = now()
 where stage <> 'done'
"""

STATE_DONE: Final = """
update key_state
   set epoch = epoch + 1,
       sealing_version = case kind when 'sealing' then to_version else sealing_version end,
       index_version = case kind when 'blind-index' then to_version else index_version end,
       kind = null, from_version = null, to_version = null, stage = null
"""

PROGRESS: Final = """
update key_rotations
   set step = $1, position = $2, rows_done = rows_done + $3, changed_at = now()
 where stage <> 'done'
"""

TELL: Final = "select pg_notify('keys', '')"

BEHIND: Final = """
select r.described from key_readers r, key_state s
 where r.epoch < s.epoch and r.seen_at > clock_timestamp() - make_interval(secs => $1)
 order by r.described
"""

FORGET_SILENT: Final = """
delete from key_readers where seen_at < clock_timestamp() - make_interval(secs => $1)
"""

# ---------------------------------------------------------------- sealed values

# Most tables have one value under one key.
_UNDER_OTHERS: Final = """
select {key}, {column} as sealed from {table}
 where {key} > $1 and substring({column} from 1 for 2) <> $2
 order by {key} limit $3 for no key update
"""

_RESEAL: Final = """
update {table} set {column} = n.sealed
  from unnest($1::{type}[], $2::bytea[]) as n (key, sealed) where {key} = n.key
"""

CARDS_UNDER_OTHERS: Final = _UNDER_OTHERS.format(
    table="cards", key="ehcid", column="sealed_profile"
)
RESEAL_CARD: Final = _RESEAL.format(
    table="cards", key="ehcid", type="bytea", column="sealed_profile"
)

PHOTOS_UNDER_OTHERS: Final = _UNDER_OTHERS.format(
    table="card_photos", key="ehcid", column="sealed_photo"
)
RESEAL_PHOTO: Final = _RESEAL.format(
    table="card_photos", key="ehcid", type="bytea", column="sealed_photo"
)

# An account has few earlier states; all of one account are written together.
HISTORY_UNDER_OTHERS: Final = """
select ehcid, revision, sealed_before as sealed from card_history
 where ehcid in (
           select distinct ehcid from card_history
            where ehcid > $1 and substring(sealed_before from 1 for 2) <> $2
            order by ehcid limit $3
       )
   and substring(sealed_before from 1 for 2) <> $2
 order by ehcid, revision for no key update
"""

RESEAL_HISTORY: Final = """
update card_history set sealed_before = n.sealed
  from unnest($1::bytea[], $2::bytea[], $3::int[]) as n (key, sealed, revision)
 where ehcid = n.key and card_history.revision = n.revision
"""

SECRETS_UNDER_OTHERS: Final = _UNDER_OTHERS.format(
    table="applications", key="app_id", column="sealed_secret"
)
RESEAL_APPLICATION: Final = _RESEAL.format(
    table="applications", key="app_id", type="text", column="sealed_secret"
)

CREDENTIALS_UNDER_OTHERS: Final = _UNDER_OTHERS.format(
    table="users", key="login", column="sealed_credentials"
)
RESEAL_CREDENTIALS: Final = _RESEAL.format(
    table="users", key="login", type="text", column="sealed_credentials"
)

PREVIOUS_UNDER_OTHERS: Final = _UNDER_OTHERS.format(
    table="applications", key="app_id", column="sealed_previous"
)
RESEAL_PREVIOUS: Final = _RESEAL.format(
    table="applications", key="app_id", type="text", column="sealed_previous"
)

CONTACTS_UNDER_OTHERS: Final = _UNDER_OTHERS.format(
    table="applications", key="app_id", column="sealed_contact"
)
RESEAL_CONTACT: Final = _RESEAL.format(
    table="applications", key="app_id", type="text", column="sealed_contact"
)

# All changes of one application are written together, like earlier states of an account.
CHANGES_UNDER_OTHERS: Final = """
select record_id, revision, sealed_contact as sealed from register_history
 where register = 'application' and record_id in (
           select distinct record_id from register_history
            where record_id > $1 and substring(sealed_contact from 1 for 2) <> $2
            order by record_id limit $3
       )
   and substring(sealed_contact from 1 for 2) <> $2
 order by record_id, revision for no key update
"""

RESEAL_CHANGE: Final = """
update register_history set sealed_contact = n.sealed
  from unnest($1::int[], $2::bytea[], $3::int[]) as n (key, sealed, revision)
 where register = 'application' and record_id = n.key and register_history.revision = n.revision
"""

# Workbooks have up to some megabytes each: few at a time.
FAILED_ROWS_UNDER_OTHERS: Final = """
select job_id::text as job_id, sealed_failed_rows as sealed from import_jobs
 where job_id::text > $1 and substring(sealed_failed_rows from 1 for 2) <> $2
 order by job_id::text limit least($3, 4) for no key update
"""

RESEAL_FAILED_ROWS: Final = _RESEAL.format(
    table="import_jobs", key="job_id::text", type="text", column="sealed_failed_rows"
)

SEALED_UNDER: Final = """
select (select count(*) from cards where substring(sealed_profile from 1 for 2) = $1)
     + (select count(*) from card_photos where substring(sealed_photo from 1 for 2) = $1)
     + (select count(*) from card_history where substring(sealed_before from 1 for 2) = $1)
     + (select count(*) from applications where substring(sealed_secret from 1 for 2) = $1)
     + (select count(*) from users where substring(sealed_credentials from 1 for 2) = $1)
     + (select count(*) from applications where substring(sealed_previous from 1 for 2) = $1)
     + (select count(*) from applications where substring(sealed_contact from 1 for 2) = $1)
     + (select count(*) from register_history where substring(sealed_contact from 1 for 2) = $1)
     + (select count(*) from import_jobs where substring(sealed_failed_rows from 1 for 2) = $1)
"""

ALL_SEALED: Final = """
select (select count(*) from cards) + (select count(*) from card_photos)
     + (select count(sealed_before) from card_history)
     + (select count(sealed_secret) + count(sealed_previous) + count(sealed_contact)
          from applications)
     + (select count(sealed_contact) from register_history)
     + (select count(sealed_failed_rows) from import_jobs)
     + (select count(*) from users)
"""

# ---------------------------------------------------------------- blind indexes

CARDS_TO_INDEX: Final = """
select ehcid, state, sealed_profile, blacklisted_at is not null as blacklisted, revision,
       merged_into
  from cards where ehcid > $1 order by ehcid limit $2 for no key update
"""

ALL_CARDS: Final = "select count(*) from cards"

# The shared lock waits for whoever frees the document at this moment; then the row is gone.
INDEX_DOCUMENTS: Final = """
insert into card_documents (document_index, ehcid)
select n.new, d.ehcid
  from unnest($1::bytea[], $2::bytea[], $3::bytea[]) as n (ehcid, old, new)
  join card_documents d on d.document_index = n.old and d.ehcid = n.ehcid
   for share of d
on conflict do nothing
"""

INDEX_CARDS: Final = """
update cards set phone_index = n.phone, name_index = n.name
  from unnest($1::bytea[], $2::bytea[], $3::bytea[]) as n (key, phone, name) where ehcid = n.key
"""

INDEX_LINKS: Final = """
insert into card_links (ehcid, card_index, bound_at)
select l.ehcid, n.new, l.bound_at
  from unnest($1::bytea[], $2::bytea[], $3::bytea[]) as n (ehcid, old, new)
  join card_links l on l.ehcid = n.ehcid and l.card_index = n.old
on conflict do nothing
"""

SWEEP_DOCUMENTS: Final = "delete from card_documents where document_index = any($1::bytea[])"

SWEEP_LINKS: Final = """
delete from card_links l using unnest($1::bytea[], $2::bytea[]) as n (ehcid, old)
 where l.ehcid = n.ehcid and l.card_index = n.old
"""
