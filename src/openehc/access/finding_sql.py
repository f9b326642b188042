"""The statements of findings."""

from typing import Final

_SELECT: Final = """
select f.finding_id, f.application_id, f.subject, f.situation, f.state, f.evidence, f.source,
       f.holds_application, f.found_at, f.changed_at, f.revision, a.institution_id, a.app_name,
       a.ehcappid
  from findings f
  left join applications a on a.application_id = f.application_id
"""

PAGE: Final = (
    _SELECT
    + """
 where ($1::text is null or f.state = $1)
   and ($2::text is null or f.situation = $2)
   and ($3::int is null or f.application_id = $3)
   and ($4::int is null or a.institution_id = $4)
"""
)
COUNT: Final = """
select count(*) from findings f
  left join applications a on a.application_id = f.application_id
 where ($1::text is null or f.state = $1)
   and ($2::text is null or f.situation = $2)
   and ($3::int is null or f.application_id = $3)
   and ($4::int is null or a.institution_id = $4)
"""
ONE: Final = _SELECT + " where f.finding_id = $1"
LOCK: Final = ONE + " for no key update of f"

INSERT: Final = """
insert into findings (application_id, subject, situation, state, evidence, source, found_at,
                      changed_at)
values ($1, $2, $3, 'found', $4, $5, $6, $6)
on conflict do nothing
returning finding_id
"""

MOVE: Final = """
update findings
   set state = $2, holds_application = $3, changed_at = $4, revision = revision + 1
 where finding_id = $1
"""

HOLDING: Final = """
select exists (
    select from findings
     where application_id = $1 and holds_application and finding_id <> $2
       and state not in ('returned', 'dismissed')
)
"""

INSERT_STEP: Final = """
insert into finding_steps (finding_id, at, step, actor_kind, actor_id, note, application_revision)
values ($1, $2, $3, $4, $5, $6, $7)
"""

STEPS: Final = """
select at, step, actor_kind, actor_id, note
  from finding_steps where finding_id = $1 order by step_id desc limit 500
"""

STOPPED_BY_FINDING: Final = """
select exists (
    select from finding_steps s
      join findings f using (finding_id)
     where f.application_id = $1 and s.step = 'suspend'
       and s.application_revision = (
               select max(revision) from register_history
                where register = 'application' and record_id = $1 and act = 'suspend')
)
"""

LAST_LOOK: Final = "select looked_at, recorded_on from finding_looks"

NOTE_LOOK: Final = """
update finding_looks set looked_at = $1, recorded_on = coalesce($2, recorded_on)
"""

KNOCKING: Final = """
select k.app_id, k.reason, k.attempts, a.application_id
  from application_knocks k
  left join applications a on a.app_id = k.app_id
 where k.day = $1 and k.attempts >= $2
   and not exists (
           select from findings f
            where f.source = 'knocks' and f.state not in ('returned', 'dismissed')
              and (f.application_id = a.application_id
                   or f.application_id is null and f.subject = k.app_id))
   and (a.application_id is not null
        or $3 > (select count(*) from findings f
                  where f.application_id is null and f.source = 'knocks'
                    and f.state not in ('returned', 'dismissed')))
 order by k.attempts desc, k.app_id limit 200
"""
