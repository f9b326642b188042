"""The statements of the stores of people."""

from typing import Final

from openehc.people.policy import COLUMNS

USER_COLUMNS: Final = (
    "u.user_id, u.login, u.display_name, u.roles, u.institution_id, u.state, "
    "u.password_changed_at, u.must_change_password, u.totp_enrolled, "
    "u.certificate_identity is not null as certificate_bound, u.last_sign_in_at, u.created_at, "
    "u.revision"
)
_ACCOUNT: Final = f"select {USER_COLUMNS}, u.sealed_credentials, u.totp_step from users u"

# ---------------------------------------------------------------- users

ACCOUNT_BY_LOGIN: Final = f"{_ACCOUNT} where u.login = $1"

ACCOUNT_BY_CERTIFICATE: Final = f"{_ACCOUNT} where u.certificate_identity = $1"

ACCOUNT_BY_ID: Final = f"{_ACCOUNT} where u.user_id = $1"

ACCOUNT_LOCKED: Final = f"{_ACCOUNT} where u.user_id = $1 for update"

# One at a time, so that two people cannot each take away one of the last two administrators.
LOCK_USERS: Final = "select pg_advisory_xact_lock(7001)"

OTHER_HOLDERS: Final = """
select role, count(u.user_id) as holders
  from unnest($1::text[]) as role
  left join users u on role = any(u.roles) and u.state = 'active' and u.user_id <> $2
 group by role
"""

INSERT_USER: Final = """
insert into users (login, display_name, roles, institution_id, sealed_credentials,
                   password_changed_at, must_change_password, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $6)
on conflict (login) do nothing
returning user_id
"""

UPDATE_USER: Final = """
update users
   set display_name = $3, roles = $4, institution_id = $5, state = $6, revision = revision + 1
 where user_id = $1 and revision = $2
"""

DISABLE_THOSE_OF: Final = f"""
update users u set state = 'disabled', revision = u.revision + 1
 where u.institution_id = $1 and u.state = 'active'
returning {USER_COLUMNS}
"""

UPDATE_CREDENTIALS: Final = """
update users
   set sealed_credentials = $2, password_changed_at = $3, must_change_password = $4,
       totp_enrolled = $5, revision = revision + 1
 where user_id = $1
"""

BIND_CERTIFICATE: Final = """
update users set certificate_identity = $3, revision = revision + 1
 where user_id = $1 and revision = $2
"""

NOTE_SIGN_IN: Final = "update users set last_sign_in_at = $2 where user_id = $1"

USE_TOTP_STEP: Final = """
update users set totp_step = $2 where user_id = $1 and totp_step < $2
"""

_MATCHING: Final = """
 where ($1 = '' or strpos(u.login, lower($1)) > 0 or strpos(u.display_name, $1) > 0)
   and ($2::text is null or u.state = $2)
   and ($3::text is null or $3 = any(u.roles))
   and ($4::int is null or u.institution_id = $4)
"""

LIST_USERS: Final = f"select {USER_COLUMNS} from users u {_MATCHING}"

COUNT_USERS: Final = f"select count(*) from users u {_MATCHING}"

# ---------------------------------------------------------------- policy

_POLICY: Final = ", ".join(f"p.{name}" for name in COLUMNS)

SELECT_POLICY: Final = f"select {_POLICY} from sign_in_policy p"

UPDATE_POLICY: Final = f"""
update sign_in_policy
   set {", ".join(f"{name} = ${at}" for at, name in enumerate(COLUMNS[:-1], start=2))},
       revision = revision + 1
 where revision = $1
"""

# ---------------------------------------------------------------- sessions

_SESSION: Final = (
    "s.session_id, s.user_id, s.address, s.proved_by, s.proved_at, "
    "s.created_at as opened_at, s.seen_at"
)

SESSION_BY_TOKEN: Final = f"""
select {_SESSION}, {USER_COLUMNS},
       {", ".join(f"p.{name} as policy_{name}" for name in COLUMNS)},
       coalesce((select i.standing = 'active' from institutions i
                  where i.institution_id = u.institution_id), true) as institution_works
  from sessions s join users u using (user_id) cross join sign_in_policy p
 where s.token_hash = $1
"""

SESSION_BY_ID: Final = f"""
select {_SESSION}, {USER_COLUMNS} from sessions s join users u using (user_id)
 where s.session_id = $1 for update of s
"""

INSERT_SESSION: Final = """
insert into sessions (token_hash, user_id, address, proved_by, proved_at, created_at, seen_at)
values ($1, $2, $3, $4, $5, $5, $5)
returning session_id
"""

SEE_SESSION: Final = "update sessions set seen_at = $2 where session_id = $1 and seen_at < $2"

PROVE_SESSION: Final = """
update sessions set proved_at = $2, proved_by = coalesce($3, proved_by) where session_id = $1
"""

DELETE_SESSION: Final = "delete from sessions where session_id = $1"

# The newest stay: `$2` of them.
DELETE_OLDEST: Final = """
delete from sessions
 where session_id in (
           select session_id from sessions where user_id = $1
            order by created_at desc, session_id desc offset $2
       )
returning session_id
"""

DELETE_OTHERS: Final = """
delete from sessions where user_id = $1 and session_id <> $2 returning session_id
"""

DELETE_OVER: Final = "delete from sessions where seen_at < $1 or created_at < $2"

_LIVE: Final = " where s.seen_at >= $1 and s.created_at >= $2 and u.state = 'active'"

LIST_SESSIONS: Final = f"""
select {_SESSION}, {USER_COLUMNS} from sessions s join users u using (user_id) {_LIVE}
"""

COUNT_SESSIONS: Final = f"""
select count(*) from sessions s join users u using (user_id) {_LIVE}
"""

# ---------------------------------------------------------------- failures

FAILURES: Final = """
select subject, failures, last_at from sign_in_failures
 where subject = any($1::bytea[]) and last_at > $2
"""

# Rows in one order, so that two tries never wait for each other in a circle.
COUNT_FAILURE: Final = """
insert into sign_in_failures as f (subject, failures, last_at)
select subject, 1, $2 from unnest($1::bytea[]) as subject order by subject
on conflict (subject) do update
   set failures = case when f.last_at > $3 then f.failures + 1 else 1 end, last_at = $2
returning subject, failures, last_at
"""

UNCOUNT_FAILURE: Final = """
update sign_in_failures set failures = failures - 1
 where subject in (
           select subject from sign_in_failures
            where subject = any($1::bytea[]) order by subject for update
       )
   and failures > 0
"""

FORGET_FAILURES: Final = "delete from sign_in_failures where subject = $1"

FORGET_OLD_FAILURES: Final = "delete from sign_in_failures where last_at < $1"

# ---------------------------------------------------------------- values that count once

FORGET_ONCE: Final = "delete from once_values where expires_at <= $1"

PUT_ONCE: Final = """
insert into once_values (value_hash, kind, address, uses_left, expires_at)
select $1, $2, $3, $4, $5
 where (select count(*) from once_values where kind = $2 and address = $3) < $6
on conflict (value_hash) do nothing
"""

TAKE_ONCE: Final = """
delete from once_values
 where value_hash = $1 and kind = $2 and ($3::text is null or address = $3)
returning expires_at > $4 as valid
"""

USE_ONCE: Final = """
update once_values set uses_left = uses_left - 1
 where value_hash = $1 and kind = $2 and expires_at > $3 and uses_left > 0
"""

# ---------------------------------------------------------------- approvals

_APPROVAL: Final = (
    "a.approval_id, a.kind, a.parameters, a.reason, a.requested_by, r.login as requester, "
    "a.requested_from, a.requested_at, a.expires_at, a.state, a.decided_by, d.login as decider, "
    "a.decided_at, a.decision_reason, a.outcome"
)
_APPROVALS: Final = (
    "from approvals a join users r on r.user_id = a.requested_by "
    "left join users d on d.user_id = a.decided_by"
)

INSERT_APPROVAL: Final = """
insert into approvals (kind, parameters, reason, requested_by, requested_from, requested_at,
                       expires_at)
select $1, $2, $3, $4, $5, $6, $7
 where (select count(*) from approvals
         where requested_by = $4 and state = 'waiting' and expires_at > $6) < $8
returning approval_id
"""

APPROVAL_BY_ID: Final = f"select {_APPROVAL} {_APPROVALS} where a.approval_id = $1"

APPROVAL_LOCKED: Final = f"{APPROVAL_BY_ID} for update of a"

DECIDE_APPROVAL: Final = """
update approvals set state = $2, decided_by = $3, decided_at = $4, decision_reason = $5
 where approval_id = $1 and state = 'waiting'
"""

FINISH_APPROVAL: Final = """
update approvals set state = $2, outcome = $3 where approval_id = $1 and state = 'approved'
"""

_FITTING: Final = " where ($1::text is null or a.state = $1) and a.kind = any($2::text[])"

LIST_APPROVALS: Final = f"select {_APPROVAL} {_APPROVALS}{_FITTING}"

COUNT_APPROVALS: Final = f"select count(*) from approvals a{_FITTING}"
