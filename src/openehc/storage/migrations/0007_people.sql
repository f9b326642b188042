-- People who work on the platform, their sessions and approvals (材料一 9.4, 附录F 4; 材料二 附录B 5.3).

-- Users are never deleted: a login names one person for ever (材料一 9.7).
create table users (
    user_id int generated always as identity primary key,
    login text not null unique check (login = lower(login) and length(login) between 3 and 32),
    display_name text not null,
    roles text[] not null default '{}',
    institution_id int references institutions,
    state text not null default 'active' check (state in ('active', 'disabled')),
    -- password hash and former ones, TOTP secret, recovery codes: sealed together
    sealed_credentials bytea not null,
    password_changed_at timestamptz not null,
    must_change_password boolean not null,
    totp_enrolled boolean not null default false,
    -- the last time step whose code was used: a code works once
    totp_step bigint not null default 0,
    -- SM3 of issuer name and unique identifier of the holder
    certificate_identity bytea unique check (octet_length(certificate_identity) = 32),
    certificate_holder text not null default '',
    last_sign_in_at timestamptz,
    created_at timestamptz not null,
    revision int not null default 1
);

create table sessions (
    session_id bigint generated always as identity primary key,
    token_hash bytea not null unique check (octet_length(token_hash) = 32),
    user_id int not null references users,
    address text not null,
    proved_by text not null,
    proved_at timestamptz not null,
    created_at timestamptz not null,
    seen_at timestamptz not null
);
create index sessions_user on sessions (user_id);

-- Failed sign-ins by login and by address; both hashed, for people type passwords into the wrong field.
create table sign_in_failures (
    subject bytea primary key check (octet_length(subject) = 32),
    failures int not null,
    last_at timestamptz not null
);
create index sign_in_failures_age on sign_in_failures (last_at);

-- Random values that count once: captchas, sign-in challenges, nonces of gateways.
create table once_values (
    value_hash bytea primary key check (octet_length(value_hash) = 32),
    kind text not null check (kind in ('captcha', 'challenge', 'nonce')),
    address text not null,
    uses_left int not null default 0,
    expires_at timestamptz not null
);
create index once_values_age on once_values (expires_at);
create index once_values_address on once_values (kind, address);

create table sign_in_policy (
    only_row boolean primary key default true check (only_row),
    password_length int not null default 8 check (password_length between 8 and 64),
    password_days int not null default 90 check (password_days between 1 and 90),
    reminder_days int not null default 7 check (reminder_days between 1 and 30),
    former_passwords int not null default 5 check (former_passwords between 3 and 24),
    lock_after int not null default 5 check (lock_after between 3 and 10),
    lock_minutes int not null default 15 check (lock_minutes between 5 and 1440),
    address_failures int not null default 30 check (address_failures between 10 and 1000),
    idle_minutes int not null default 10 check (idle_minutes between 1 and 30),
    session_hours int not null default 12 check (session_hours between 1 and 24),
    fresh_minutes int not null default 5 check (fresh_minutes between 1 and 30),
    administrator_sessions int not null default 1 check (administrator_sessions between 1 and 3),
    other_sessions int not null default 3 check (other_sessions between 1 and 10),
    unused_days int not null default 90 check (unused_days between 7 and 365),
    second_factor text not null default 'everyone' check (second_factor in ('everyone', 'administrators')),
    one_address boolean not null default true,
    revision int not null default 1
);
insert into sign_in_policy default values;

-- Acts that wait for a second person.
create table approvals (
    approval_id bigint generated always as identity primary key,
    kind text not null,
    parameters text not null check (octet_length(parameters) <= 16384),
    reason text not null,
    requested_by int not null references users,
    requested_from text not null,
    requested_at timestamptz not null,
    expires_at timestamptz not null,
    state text not null default 'waiting'
        check (state in ('waiting', 'approved', 'refused', 'withdrawn', 'done', 'failed')),
    decided_by int references users,
    decided_at timestamptz,
    decision_reason text not null default '',
    outcome text not null default '',
    check (decided_by <> requested_by or state = 'withdrawn')
);
create index approvals_state on approvals (state, requested_at);
