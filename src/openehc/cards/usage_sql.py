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

TOTAL: Final = "select count(*) from (select 1 from ({source}) f limit {most}) counted"

COUNTED: Final = """
select {keys}, count(*) as facts, count(distinct ehcid) as residents
  from usage_facts_full{where}
 group by {groups}
 order by facts desc, {groups}
 limit {most}"""
