-- The version before cannot open what is sealed. The same file can be imported again.
alter table import_jobs
    drop column sealed_failed_rows,
    add column failed_rows bytea;
