-- Imports of institutions and terminals from workbooks: how far each came, and the rows that failed.
create table import_jobs (
    job_id uuid primary key,
    register text not null check (register in ('institution', 'terminal')),
    mode text not null check (mode in ('check', 'apply', 'approve')),
    state text not null check (state in ('waiting', 'reading', 'writing', 'done', 'failed')),
    file_name text not null check (length(file_name) <= 200),
    file_digest bytea not null check (octet_length(file_digest) = 32),
    actor_id text not null,
    institution_id int,
    rows_total int not null default 0,
    rows_done int not null default 0,
    rows_new int not null default 0,
    rows_unchanged int not null default 0,
    rows_failed int not null default 0,
    problem text not null default '',
    problem_en text not null default '',
    failed_rows bytea,
    created_at timestamptz not null,
    changed_at timestamptz not null
);
create index import_jobs_created on import_jobs (created_at);
