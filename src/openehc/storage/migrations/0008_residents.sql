-- Residents for operators (材料一 6.1): accounts of one person merged into one, and how often people look.

-- A merged account stays, closed, and points at the one that survives: its codes are refused with that
-- reason, and its past stays with the person.
alter table cards add column merged_into bytea;
alter table cards add constraint cards_merged_are_closed
    check (merged_into is null or (state = 'closed' and merged_into <> ehcid));
create index cards_merged_into on cards (merged_into) where merged_into is not null;

-- How often one person looked at residents in one minute, over all workers.
create table desk_looks (
    actor_id text not null,
    kind text not null check (kind in ('search', 'reveal')),
    minute timestamptz not null,
    looks int not null,
    primary key (actor_id, kind)
);
