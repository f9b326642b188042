-- Rows of an import that failed may hold contact persons: they are kept sealed. What was kept until now goes; the
-- same file can be imported again. With an expression for a type the table is written anew, so that nothing of the
-- dropped column stays in its files.
alter table import_jobs
    drop column failed_rows,
    add column sealed_failed_rows bytea,
    alter column rows_failed type int using rows_failed + 0;
