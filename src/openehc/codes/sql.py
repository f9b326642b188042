"""The statements of `codes/store.py`; batched ones answer with `ord` (see cards/sql.py)."""

from typing import Final

from openehc.cards.sql import (
    ACCOUNT_COLUMNS,
    CHAINED_NAMES,
    CHAINED_VALUES,
    CLAIM,
    USE_COLUMNS,
    given,
)
from openehc.cards.usage import SUCCESS
from openehc.storage.rows import given_rows

PRESENTED: Final = f"""
select q.ord, {ACCOUNT_COLUMNS}, i.channels as issued_channels, i.state as issued_state
  from ({given_rows({"ehcid": "bytea", "code_key": "uuid", "day": "date"})}) q
  cross join lateral (select * from cards c where c.ehcid = q.ehcid offset 0) c
  left join lateral (
      select channels, state from issued_codes i
       where i.day = q.day and i.code_key = q.code_key and i.day between $2 and $3 offset 0
  ) i on true
"""
"""$2 and $3 are the first and the last day of the batch: the days that are not asked for
cost nothing, however many the table has."""

ISSUE_COLUMNS: Final = {
    **USE_COLUMNS, "code_day": "date", "code_key": "uuid", "channel": "text",
    "expires_at": "timestamptz",
}  # fmt: skip

ISSUE: Final = f"""
with {given(ISSUE_COLUMNS)}, {CLAIM}, issued as (
    insert into issued_codes (day, code_key, ehcid, channels, issued_at, expires_at)
    select code_day, code_key, (array_agg(ehcid))[1], string_agg(distinct channel, ' '), min(at),
           min(expires_at)
      from ready where claimed and code_key is not null
     group by code_day, code_key order by code_key
    on conflict (day, code_key) do update
       set channels = issued_codes.channels || ' ' || excluded.channels
     where strpos(issued_codes.channels, excluded.channels) = 0
), counted as (
    insert into usage_facts ({CHAINED_NAMES})
    select {CHAINED_VALUES} from ready where claimed
)
select ord, free, claimed from ready
"""

VERIFIED: Final = f"""
with {given(USE_COLUMNS)}, {CLAIM}, users as (
    insert into daily_users (day, ehcid, institution_id)
    select day, ehcid, institution_id from ready where claimed and result = '{SUCCESS}'
     order by ehcid, institution_id
    on conflict do nothing
    returning ehcid, institution_id
), counted as (
    insert into usage_facts ({CHAINED_NAMES}, first_of_day)
    select {CHAINED_VALUES},
           result = '{SUCCESS}' and (ehcid, institution_id) in (select * from users)
           and row_number() over (partition by ehcid, institution_id, result order by ord) = 1
      from ready where claimed
)
select ord, free, claimed from ready
"""

INSERT_AUTHORISATION: Final = """
insert into authorisations (token_index, serial, app_id, term_id, institution_id, treatment_code,
                            office_code, operator_id, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

AUTHORISATION_COLUMNS: Final = """status, ehcid, app_id, term_id, institution_id, treatment_code,
       office_code, operator_id, expires_at"""

AUTHORISATION_BY_SERIAL: Final = f"""
select {AUTHORISATION_COLUMNS} from authorisations where serial = $1
"""

AUTHORISATION_BY_TOKEN: Final = f"""
select {AUTHORISATION_COLUMNS} from authorisations where token_index = $1
"""

DECIDE_AUTHORISATION: Final = """
update authorisations set status = $2, ehcid = $3, decided_at = $4
 where token_index = $1 and status = 'ing' and expires_at >= $4
returning true
"""
