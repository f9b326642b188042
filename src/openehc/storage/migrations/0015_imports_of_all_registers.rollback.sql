drop index applications_same;

-- Jobs of the other registers stay until their month is over; no new ones are taken.
alter table import_jobs
    drop constraint import_jobs_register_check,
    add constraint import_jobs_register_check
        check (register in ('institution', 'terminal')) not valid;
