-- The four registers with every column of their tables (材料一 表6.3, 6.4, 6.5, 7.1), what happened to each
-- entry, the numbers of 附录D, secrets with an overlap, limits of applications and what they use of them.
-- Codes are checked against the dictionaries by the program; here only their form. Entries made before this
-- migration lack what nobody was asked for, so most columns may be null.

-- The node's own number: entered once, never changed (附录D.1).
create table node_identity (
    one boolean primary key default true check (one),
    ehcin text not null check (ehcin ~ '^[0-9]{4}[A-FX][0-9]{4}$'),
    entered_at timestamptz not null default now()
);
create trigger node_identity_fixed before update or delete on node_identity
    for each row execute function refuse_change();
create trigger node_identity_not_emptied before truncate on node_identity
    for each statement execute function refuse_change();

-- The last serial of each kind and owner letter (附录D.2); whoever takes a number locks the row until commit.
create table number_counters (
    ehcin text not null,
    component text not null check (component ~ '^[A-Z]{3}$'),
    owner text not null check (owner ~ '^[A-FX]$'),
    last int not null check (last between 0 and 9999),
    primary key (ehcin, component, owner)
);
insert into number_counters (ehcin, component, owner, last)
select substr(number, 1, 9), substr(number, 10, 3), substr(number, 13, 1), max(substr(number, 14)::int)
  from (select ehcappid as number from applications union all select term_id from terminals) as given
 where number ~ '^[0-9]{4}[A-FX][0-9]{4}[A-Z]{3}[A-FX][0-9]{4}$'
 group by 1, 2, 3;

-- ---------------------------------------------------------------- institutions, 表6.3

alter table institutions
    drop constraint institutions_standing_check,
    add constraint institutions_standing_check
        check (standing in ('applied', 'refused', 'active', 'suspended', 'blacklisted', 'exited')),
    add column province_code text check (province_code ~ '^[0-9]{6}$'),
    add column city_code text check (city_code ~ '^[0-9]{6}$'),
    add column org_level text check (length(org_level) = 3),
    add column org_category text check (length(org_category) between 1 and 4),
    add column org_property text check (org_property in ('1', '2', '99')),
    add column access_date date,
    add column owner_type text check (owner_type ~ '^[A-FX]$'),
    add column access_address text check (length(access_address) <= 50),
    add column accept_status text check (accept_status in ('0', '1')),
    add column accept_date date,
    add column win_term_num int check (win_term_num >= 0),
    add column sst_term_num int check (sst_term_num >= 0),
    add column other_term_num int check (other_term_num >= 0),
    add column revision int not null default 1,
    add column changed_at timestamptz not null default now();
create index institutions_name on institutions (org_name, institution_id);
create index institutions_standing on institutions (standing, institution_id);

-- ---------------------------------------------------------------- client software, 表7.1

alter table applications
    drop constraint applications_standing_check,
    add constraint applications_standing_check
        check (standing in ('applied', 'refused', 'active', 'suspended', 'blacklisted', 'exited')),
    alter column ehcappid drop not null,
    add constraint applications_numbered check (standing in ('applied', 'refused') or ehcappid is not null),
    alter column sealed_secret drop not null,
    add column application_id int generated always as identity unique,
    add column app_version text check (app_version ~ '^[0-9]{1,5}\.[0-9]{1,5}(\.[0-9A-Za-z-]{1,12}){0,3}$'),
    add column app_category text[] not null default '{}',
    add column app_package text check (length(app_package) <= 50),
    add column dev_unit text check (length(dev_unit) <= 50),
    add column use_unit text check (length(use_unit) <= 50),
    add column use_unit_type text check (use_unit_type ~ '^[A-FX]$'),
    -- use_unit_people, use_unit_phone and use_unit_mail, sealed together
    add column sealed_contact bytea,
    add column copyright_no text check (length(copyright_no) <= 50),
    add column icp_no text check (length(icp_no) <= 50),
    add column djbh_no text check (length(djbh_no) <= 50),
    add column record_time date,
    add column launch_time date,
    add column app_url text check (length(app_url) <= 100),
    add column img_url text check (length(img_url) <= 100),
    add column release_channel text[] not null default '{}',
    add column erhc_system text check (length(erhc_system) <= 50),
    -- the secret before the last rotation works until then; whoever revokes empties all three
    add column sealed_previous bytea,
    add column previous_until timestamptz,
    add column secret_made_at timestamptz,
    -- a changed x or y of x.y has to be reported and assessed again (材料二 2.4)
    add column report_due_since timestamptz,
    add column rate_limit int check (rate_limit between 1 and 100000),
    add column daily_quota int check (daily_quota between 1 and 1000000000),
    add column allowed_networks cidr[] not null default '{}',
    add column revision int not null default 1,
    add column changed_at timestamptz not null default now(),
    -- these names stand for the platform itself in history, facts and audit records
    add constraint applications_own_name check (app_id not in ('console', 'openehc')),
    add constraint applications_previous_secret check ((sealed_previous is null) = (previous_until is null));
create index applications_name on applications (app_name, application_id);
create index applications_institution on applications (institution_id, application_id);
create index applications_standing on applications (standing, application_id);
create index applications_recorded on applications (record_time, application_id);
create index applications_number on applications (ehcappid, application_id);
create index applications_created on applications (created_at, application_id);

-- ---------------------------------------------------------------- reading terminals, 表6.4

alter table terminals
    drop constraint terminals_pkey,
    alter column term_id drop not null,
    add constraint terminals_term_id_key unique (term_id),
    add column terminal_id int generated always as identity primary key,
    drop constraint terminals_standing_check,
    add constraint terminals_standing_check
        check (standing in ('applied', 'refused', 'active', 'suspended', 'blacklisted', 'exited')),
    add constraint terminals_numbered check (standing in ('applied', 'refused') or term_id is not null),
    add column serial_no text check (length(serial_no) <= 50),
    add column purpose text check (length(purpose) <= 50),
    add column developer text check (length(developer) <= 50),
    add column version text check (length(version) <= 50),
    add column access_date date,
    add column revision int not null default 1,
    add column changed_at timestamptz not null default now();
-- One device, one entry: known by its developer and factory number, until it leaves or is refused.
create unique index terminals_device on terminals (developer, serial_no)
    where standing not in ('refused', 'exited');
create index terminals_name on terminals (term_name, terminal_id);
create index terminals_institution on terminals (institution_id, terminal_id);
create index terminals_standing on terminals (standing, terminal_id);

-- ---------------------------------------------------------------- crypto modules, 表6.5

create table crypto_modules (
    module_id int generated always as identity primary key,
    module_no text unique check (length(module_no) = 17),
    institution_id int references institutions,
    model text not null check (length(model) between 1 and 50),
    manufacturer text not null check (length(manufacturer) between 1 and 50),
    dealer text check (length(dealer) <= 50),
    serial_no text not null check (length(serial_no) between 1 and 50),
    address text not null check (length(address) between 1 and 50),
    owner_type text not null check (owner_type ~ '^[A-FX]$'),
    access_date date,
    key_filled_on date,
    standing text not null
        check (standing in ('applied', 'refused', 'active', 'suspended', 'blacklisted', 'exited')),
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    revision int not null default 1,
    constraint crypto_modules_numbered check (standing in ('applied', 'refused') or module_no is not null)
);
create unique index crypto_modules_device on crypto_modules (manufacturer, serial_no)
    where standing not in ('refused', 'exited');

-- ---------------------------------------------------------------- what happened to each entry

create table register_history (
    register text not null,
    record_id int not null,
    revision int not null,
    at timestamptz not null,
    act text not null,
    actor_kind text not null,
    actor_id text not null,
    reason text not null default '',
    before jsonb not null default '{}',
    after jsonb not null default '{}',
    -- what before and after hold of contact persons
    sealed_contact bytea,
    primary key (register, record_id, revision)
);
create index register_history_contacts on register_history (record_id) where sealed_contact is not null;
create trigger register_history_append_only before delete
    or update of register, record_id, revision, at, act, actor_kind, actor_id, reason, before, after
    on register_history
    for each row execute function refuse_change();
-- Sealed anew when keys are rotated; never removed, never added.
create trigger register_history_contacts_kept before update of sealed_contact on register_history
    for each row when ((old.sealed_contact is null) <> (new.sealed_contact is null))
    execute function refuse_change();

-- ---------------------------------------------------------------- what applications use

-- Written by each worker in intervals, not for each request; apart from the register, so no worker reloads for it.
create table application_traffic (
    day date not null,
    app_id text not null,
    calls bigint not null,
    last_success_at timestamptz not null,
    primary key (day, app_id)
);
create index application_traffic_last on application_traffic (app_id, last_success_at desc);

-- Who knocked and was not let in; the names are what strangers sent, so their number is bounded by the program.
create table application_knocks (
    day date not null,
    app_id text not null check (length(app_id) <= 64),
    reason text not null,
    attempts bigint not null,
    last_at timestamptz not null,
    primary key (day, app_id, reason)
);

-- ---------------------------------------------------------------- telling the workers

-- The notice names the table and the keys that changed, so a worker reads these rows only; with too many
-- for one notice it names the table alone ("*").
drop trigger institutions_changed on institutions;
drop trigger applications_changed on applications;
drop trigger application_grants_changed on application_grants;
drop trigger terminals_changed on terminals;
drop function tell_registry_changed();

create function tell_rows_changed() returns trigger language plpgsql as $$
declare
    keys text;
begin
    execute format('select string_agg(distinct %I::text, '','') from changed', tg_argv[0]) into keys;
    if keys is not null then
        perform pg_notify('registry', tg_table_name || ':' || case when length(keys) > 7000 then '*' else keys end);
    end if;
    return null;
end
$$;

create function tell_grants_changed() returns trigger language plpgsql as $$
declare
    keys text;
begin
    select string_agg(distinct a.application_id::text, ',') into keys
      from changed c join applications a using (app_id);
    if keys is not null then
        perform pg_notify('registry', 'applications:' || case when length(keys) > 7000 then '*' else keys end);
    end if;
    return null;
end
$$;

create trigger institutions_inserted after insert on institutions
    referencing new table as changed for each statement execute function tell_rows_changed('institution_id');
create trigger institutions_updated after update on institutions
    referencing new table as changed for each statement execute function tell_rows_changed('institution_id');
create trigger institutions_deleted after delete on institutions
    referencing old table as changed for each statement execute function tell_rows_changed('institution_id');
create trigger applications_inserted after insert on applications
    referencing new table as changed for each statement execute function tell_rows_changed('application_id');
create trigger applications_updated after update on applications
    referencing new table as changed for each statement execute function tell_rows_changed('application_id');
create trigger applications_deleted after delete on applications
    referencing old table as changed for each statement execute function tell_rows_changed('application_id');
create trigger terminals_inserted after insert on terminals
    referencing new table as changed for each statement execute function tell_rows_changed('terminal_id');
create trigger terminals_updated after update on terminals
    referencing new table as changed for each statement execute function tell_rows_changed('terminal_id');
create trigger terminals_deleted after delete on terminals
    referencing old table as changed for each statement execute function tell_rows_changed('terminal_id');
create trigger application_grants_inserted after insert on application_grants
    referencing new table as changed for each statement execute function tell_grants_changed();
create trigger application_grants_deleted after delete on application_grants
    referencing old table as changed for each statement execute function tell_grants_changed();
