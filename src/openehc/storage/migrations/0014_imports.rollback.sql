drop table import_jobs;
