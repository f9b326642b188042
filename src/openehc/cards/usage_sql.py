"""The statements of `cards/usage_store.py`; braces stand for text of this program, never values."""

from typing import Final

FACTS: Final = """
select at, kind, result, ehcid, institution_id, app_id, term_id, app_channel, medium,
       code_tag, treatment_code, office_code, operator_id, '' as action
  from usage_facts_full"""

SIGHTS: Final = """
 union all
select at, 'console', result, null, institution_id, '', '', '', '', '', '', '', actor_id, action
  from audit_records
 where object_kind = ${kind} and object_ref = ${ref} and category = 'personal-data'
   and at >= ${first} and at < ${last}"""
"""Looks of people at one resident, told by their audit records."""

NAMED: Final = """
select f.at, f.kind, f.result, f.ehcid, f.institution_id, coalesce(i.org_name, '') as org_name,
       f.app_id, coalesce(a.app_name, '') as app_name,
       f.term_id, coalesce(t.term_name, '') as term_name, f.app_channel, f.medium,
       coalesce(f.code_tag, '') as code_tag, coalesce(f.treatment_code, '') as treatment_code,
       coalesce(f.office_code, '') as office_code, coalesce(f.operator_id, '') as operator_id,
       f.action
  from ({source}) f
  left join institutions i using (institution_id)
  left join applications a using (app_id)
  left join terminals t using (term_id)"""

# From chain to chain along the index; facts are at most a day older than their chain.
MOVED_FACTS: Final = """
with recursive streams as (
    (select stream from usage_facts
      where stream >= ((($1::date - date '1970-01-01')::bigint) << 44) and day >= $1
      order by stream limit 1)
    union all
    select (select f.stream from usage_facts f where f.stream > s.stream and f.day >= $1
             order by f.stream limit 1)
      from streams s where s.stream is not null
)
select s.stream, h.seq, h.hashes
  from streams s
 cross join lateral (
        select seq, array_agg(hash order by place) as hashes from usage_facts
         where stream = s.stream and day >= $1
           and seq = (select max(seq) from usage_facts m where m.stream = s.stream and m.day >= $1)
         group by seq) h
 where not exists (select from audit_heads k
                    where k.source = 'usage_facts' and k.stream = s.stream and k.seq = h.seq)
"""

FACTS_OF_DAY: Final = """
select f.stream, f.seq, f.place, f.hash, f.day, f.at, f.kind, f.result, f.ehcid, f.institution_id,
       f.way_id, f.code_tag, f.sex, f.birth_year, f.id_type, f.treatment_code, f.office_code,
       f.operator_id, w.app_id, w.term_id, w.app_channel, w.medium
  from usage_facts f left join usage_ways w using (way_id)
 where f.stream >= ((($1::date - date '1970-01-01')::bigint) << 44)
   and f.stream < ((($1::date + 1 - date '1970-01-01')::bigint) << 44)
   and f.day between $1::date - 2 and $1::date + 2
 order by f.stream, f.seq, f.place
"""

HASHES_OF_FACTS: Final = """
select hash from usage_facts
 where stream = $1 and seq = $2
   and day between date '1970-01-01' + ($1::bigint >> 44)::int - 2
               and date '1970-01-01' + ($1::bigint >> 44)::int + 2
 order by place
"""

SPAN_OF_FACTS: Final = "select min(stream) as first, max(stream) as last from usage_facts"

UNCHAINED_FACT: Final = """
select at from usage_facts
 where stream is null and at > (select min(at) from audit_checkpoints)
 order by at limit 1
"""
"""Facts from before the chains have no place in one; none that came later may be so."""

TOTAL: Final = "select count(*) from (select 1 from ({source}) f limit {most}) counted"

COUNTED: Final = """
select {keys}, count(*) as facts, count(distinct ehcid) as residents
  from usage_facts_full{where}
 group by {groups}
 order by facts desc, {groups}
 limit {most}"""
