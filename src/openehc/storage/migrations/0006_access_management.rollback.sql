-- An older program knows active and suspended entries with number and secret only, and would lose the history
-- of any change; once an entry was handled here, there is no way back.
-- (An error of the class of definitions, 42, is shown with its text: see storage/migrations.py.)
do $$
begin
    if exists (select from register_history) or exists (select from crypto_modules)
       or exists (select from institutions where standing not in ('active', 'suspended'))
       or exists (select from applications where standing not in ('active', 'suspended') or sealed_secret is null)
       or exists (select from terminals where standing not in ('active', 'suspended')) then
        raise exception using errcode = '42P17', message = 'entries were handled that an older program does not know';
    end if;
end
$$;
drop trigger institutions_inserted on institutions;
drop trigger institutions_updated on institutions;
drop trigger institutions_deleted on institutions;
drop trigger applications_inserted on applications;
drop trigger applications_updated on applications;
drop trigger applications_deleted on applications;
drop trigger terminals_inserted on terminals;
drop trigger terminals_updated on terminals;
drop trigger terminals_deleted on terminals;
drop trigger application_grants_inserted on application_grants;
drop trigger application_grants_deleted on application_grants;
drop function tell_rows_changed();
drop function tell_grants_changed();

drop table application_knocks;
drop table application_traffic;
drop table register_history;
drop table crypto_modules;

drop index terminals_device, terminals_name, terminals_institution, terminals_standing;
alter table terminals
    drop column changed_at, drop column revision, drop column access_date, drop column version,
    drop column developer, drop column purpose, drop column serial_no,
    drop constraint terminals_numbered, drop constraint terminals_standing_check,
    add constraint terminals_standing_check check (standing in ('active', 'suspended')),
    drop column terminal_id, drop constraint terminals_term_id_key,
    alter column term_id set not null, add constraint terminals_pkey primary key (term_id);

drop index applications_name, applications_institution, applications_standing, applications_recorded,
    applications_number, applications_created;
alter table applications
    drop constraint applications_numbered, drop constraint applications_standing_check,
    add constraint applications_standing_check check (standing in ('active', 'suspended')),
    alter column ehcappid set not null, alter column sealed_secret set not null,
    drop constraint applications_previous_secret, drop constraint applications_own_name,
    drop column application_id, drop column app_version, drop column app_category, drop column app_package,
    drop column dev_unit, drop column use_unit, drop column use_unit_type, drop column sealed_contact,
    drop column copyright_no, drop column icp_no,
    drop column djbh_no, drop column record_time, drop column launch_time, drop column app_url,
    drop column img_url, drop column release_channel, drop column erhc_system, drop column sealed_previous,
    drop column previous_until, drop column secret_made_at, drop column report_due_since,
    drop column rate_limit, drop column daily_quota, drop column allowed_networks, drop column revision,
    drop column changed_at;

drop index institutions_name, institutions_standing;
alter table institutions
    drop constraint institutions_standing_check,
    add constraint institutions_standing_check check (standing in ('active', 'suspended')),
    drop column province_code, drop column city_code, drop column org_level, drop column org_category,
    drop column org_property, drop column access_date, drop column owner_type, drop column access_address,
    drop column accept_status, drop column accept_date, drop column win_term_num, drop column sst_term_num,
    drop column other_term_num, drop column revision, drop column changed_at;

drop table number_counters;
drop table node_identity;

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
