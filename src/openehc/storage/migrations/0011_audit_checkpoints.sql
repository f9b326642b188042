-- Chains go on in groups, one for each commit: a record has its group (seq) and its place in it.
alter table audit_records add column place smallint not null default 1;
alter table audit_records alter column place drop default;
alter table audit_records alter column seq type int;
alter table audit_records drop constraint audit_records_pkey;
alter table audit_records add primary key (stream, seq, place);

-- What tells the chains of this database from those of any other; part of every checkpoint.
create table audit_origin (
    one boolean primary key default true check (one),
    origin bytea not null check (octet_length(origin) = 32)
);
insert into audit_origin (origin)
values (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));
create trigger audit_origin_fixed before update or delete on audit_origin
    for each row execute function refuse_change();
create trigger audit_origin_not_emptied before truncate on audit_origin
    for each statement execute function refuse_change();

-- Checkpoints: at intervals the node signs how far every chain is that moved, and the checkpoint before.
-- `hash` covers origin, number, at, before and the heads with this number; the signature covers the hash.
create table audit_checkpoints (
    number bigint primary key,
    at timestamptz not null,
    before bytea not null check (octet_length(before) = 32),
    hash bytea not null check (octet_length(hash) = 32),
    public_key bytea not null check (octet_length(public_key) = 65),
    signature bytea not null
);

-- How far a chain was at a checkpoint: the digest of its group `seq`.
create table audit_heads (
    source text not null,
    stream bigint not null,
    seq int not null,
    digest bytea not null check (octet_length(digest) = 32),
    number bigint not null,
    primary key (source, stream, seq)
);
create index audit_heads_number on audit_heads (number);

create trigger audit_checkpoints_append_only before update or delete on audit_checkpoints
    for each row execute function refuse_change();
create trigger audit_checkpoints_not_emptied before truncate on audit_checkpoints
    for each statement execute function refuse_change();
create trigger audit_heads_append_only before update or delete on audit_heads
    for each row execute function refuse_change();
create trigger audit_heads_not_emptied before truncate on audit_heads
    for each statement execute function refuse_change();
