-- When refused calls were last looked at (材料二 3.2), by whichever worker, and the last day that has a record of it.
create table finding_looks (
    one boolean primary key default true check (one),
    looked_at timestamptz not null,
    recorded_on date
);
insert into finding_looks (looked_at) values ('epoch');
