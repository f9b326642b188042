-- Client software and crypto modules are imported from workbooks as well.
alter table import_jobs
    drop constraint import_jobs_register_check,
    add constraint import_jobs_register_check
        check (register in ('institution', 'terminal', 'module', 'application'));
