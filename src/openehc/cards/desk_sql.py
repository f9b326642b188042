"""The statements of `cards/desk_store.py`. An index is looked for under every key in use."""

from typing import Final

BY_PHONE: Final = """
select ehcid, state, sealed_profile, blacklisted_at is not null as blacklisted, revision,
       merged_into
  from cards
 where phone_index = any($1::bytea[])
 order by state = 'closed', registered_at desc, ehcid
 limit $2
"""

BY_NAME: Final = """
select ehcid, state, sealed_profile, blacklisted_at is not null as blacklisted, revision,
       merged_into
  from cards
 where name_index = any($1::bytea[])
 order by state = 'closed', registered_at desc, ehcid
 limit $2
"""

BY_CARD: Final = """
select ehcid, state, sealed_profile, blacklisted_at is not null as blacklisted, revision,
       merged_into
  from cards
 where ehcid in (select ehcid from card_links where card_index = any($1::bytea[]))
 order by state = 'closed', registered_at desc, ehcid
 limit $2
"""

LIFE: Final = """
select c.registered_at, c.activated_at, c.closed_at, c.blacklisted_at,
       coalesce(c.blacklist_reason, '') as blacklist_reason, c.origin, c.institution_id,
       coalesce(i.org_name, '') as org_name, c.app_id, c.apply_method, c.certificate_mode,
       exists (select from card_photos p where p.ehcid = c.ehcid) as has_photo,
       array(select m.ehcid from cards m where m.merged_into = c.ehcid order by 1) as absorbed
  from cards c left join institutions i using (institution_id)
 where c.ehcid = $1
"""

HISTORY: Final = """
select revision, change, changed_at, app_id, term_id, platform_serial, external_serial,
       changed_fields
  from card_history where ehcid = $1 order by revision desc limit $2
"""

LOOKED: Final = """
insert into desk_looks as l (actor_id, kind, minute, looks)
values ($1, $2, date_trunc('minute', $3::timestamptz), 1)
on conflict (actor_id, kind) do update
   set looks = case when l.minute = excluded.minute then l.looks + 1 else 1 end,
       minute = excluded.minute
returning looks
"""

NAMES_AFTER: Final = """
select name_index, count(*) as accounts
  from (select name_index from cards
         where name_index > $1 and state <> 'closed'
         order by name_index limit $2) looked_at
 group by name_index order by name_index
"""

OF_NAMES: Final = """
select ehcid, state, sealed_profile, blacklisted_at is not null as blacklisted, revision,
       merged_into, name_index
  from cards where name_index = any($1::bytea[]) and state <> 'closed'
 order by name_index, ehcid limit $2
"""

MERGED_ROW: Final = """
select revision, changed_at, platform_serial, sealed_before
  from card_history where ehcid = $1 and change = 'merged' order by revision desc limit 1
"""

ABSORBED_ROW: Final = """
select revision, changed_at, changed_fields, sealed_before
  from card_history where ehcid = $1 and change = 'absorbed' and platform_serial = $2
"""

WAS_ACTIVATED: Final = "select activated_at is not null from cards where ehcid = $1"

DROP_PHOTO: Final = "delete from card_photos where ehcid = $1 and changed_at = $2"
