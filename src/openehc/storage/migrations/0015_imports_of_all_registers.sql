-- Client software and crypto modules are imported from workbooks as well.
alter table import_jobs
    drop constraint import_jobs_register_check,
    add constraint import_jobs_register_check
        check (register in ('institution', 'terminal', 'module', 'application'));

-- By these an import knows software; not unique, since people may have entered one twice.
create index applications_same on applications (institution_id, app_name, app_channel);
