-- Registers of the parties that connect (材料一 6.3, 6.4, 7.2). Reference tables: small, the same on every shard.

create table institutions (
    institution_id int generated always as identity primary key,
    org_code text not null unique,
    org_name text not null,
    standing text not null default 'active' check (standing in ('active', 'suspended')),
    created_at timestamptz not null default now()
);

create table applications (
    app_id text primary key check (length(app_id) between 1 and 32),
    institution_id int not null references institutions,
    app_name text not null,
    app_channel text not null,
    ehcappid text not null unique check (length(ehcappid) = 17),
    sealed_secret bytea not null,
    wire_profile text not null default 'national',
    standing text not null default 'active' check (standing in ('active', 'suspended')),
    created_at timestamptz not null default now()
);

create table application_grants (
    app_id text not null references applications,
    method text not null,
    granted_at timestamptz not null default now(),
    primary key (app_id, method)
);

create table terminals (
    term_id text primary key check (length(term_id) between 1 and 32),
    institution_id int not null references institutions,
    term_name text not null,
    standing text not null default 'active' check (standing in ('active', 'suspended')),
    created_at timestamptz not null default now()
);

-- Every change of a register tells all workers to read it again.
create function tell_registry_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('registry', tg_table_name);
    return null;
end
$$;

create trigger institutions_changed after insert or update or delete on institutions
    for each statement execute function tell_registry_changed();
create trigger applications_changed after insert or update or delete on applications
    for each statement execute function tell_registry_changed();
create trigger application_grants_changed after insert or update or delete on application_grants
    for each statement execute function tell_registry_changed();
create trigger terminals_changed after insert or update or delete on terminals
    for each statement execute function tell_registry_changed();

-- Serial numbers that were used: one row per application, method and number (hashed to 128 bits).
create table serial_numbers (
    serial uuid primary key,
    used_at timestamptz not null
);
