-- Rotation of the keys of stored data, while the node serves.

-- The switch that all workers read: one row. Whoever changes it raises the epoch; a worker confirms an epoch
-- once it works by it. The index version is a fact about the rows, so it stands beside them.
create table key_state (
    one boolean primary key default true check (one),
    epoch int not null default 1,
    sealing_version int,
    index_version int not null default 1,
    kind text check (kind in ('sealing', 'blind-index')),
    from_version int,
    to_version int,
    stage text check (stage in ('spread', 'rewrite', 'narrow')),
    check ((kind is null) = (stage is null)
           and (kind is null) = (from_version is null)
           and (kind is null) = (to_version is null))
);
insert into key_state default values;

-- Each worker and the epoch by which it works; a row that is not renewed belongs to nobody any more.
create table key_readers (
    reader uuid primary key,
    described text not null,
    epoch int not null,
    seen_at timestamptz not null
);

-- Every rotation and how far it came: step and position are written with the rows they count.
create table key_rotations (
    rotation_id int generated always as identity primary key,
    kind text not null check (kind in ('sealing', 'blind-index')),
    from_version int not null,
    to_version int not null,
    stage text not null default 'spread' check (stage in ('spread', 'rewrite', 'narrow', 'done')),
    step text not null default '',
    position text not null default '',
    rows_done bigint not null default 0,
    started_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    finished_at timestamptz
);
create unique index key_rotations_one_at_a_time on key_rotations ((true)) where stage <> 'done';
