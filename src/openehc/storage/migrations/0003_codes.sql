-- QR codes (材料一 6.2). Both tables are cut by day; the days are created ahead by the node.

-- Every dynamic code that was issued: VALID itself is not bound to a person, this row is the binding.
-- Two channels can issue for one person in one second; the row then names both.
create table issued_codes (
    day date not null,
    code_key uuid not null,
    ehcid bytea not null,
    channels text not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    state text not null default 'issued' check (state in ('issued', 'revoked')),
    primary key (day, code_key)
) partition by range (day);

-- One row per registration, generation, verification and authorisation: what the figures of 附录E count.
create table usage_facts (
    day date not null,
    at timestamptz not null,
    kind text not null,
    result text not null,
    ehcid bytea,
    institution_id int not null,
    app_id text not null,
    term_id text not null,
    app_channel text not null,
    medium text not null,
    code_tag text,
    sex text,
    birth_year smallint,
    id_type text,
    treatment_code text,
    office_code text,
    operator_id text,
    first_of_day boolean not null default false
) partition by range (day);
create index usage_facts_resident on usage_facts (ehcid, at);
create index usage_facts_time on usage_facts using brin (at);

-- Who used a card at which institution on which day: makes "first of the day" exact under concurrency.
create table daily_users (
    day date not null,
    ehcid bytea not null,
    institution_id int not null,
    primary key (day, ehcid, institution_id)
) partition by range (day);

create table authorisations (
    token_index bytea primary key,
    serial uuid not null unique,
    status text not null default 'ing' check (status in ('ing', 'succ', 'fail', 'cancel')),
    ehcid bytea,
    app_id text not null,
    term_id text not null,
    institution_id int not null,
    treatment_code text not null,
    office_code text,
    operator_id text,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    decided_at timestamptz
);
create index authorisations_expiry on authorisations (expires_at);
