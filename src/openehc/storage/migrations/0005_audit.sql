-- Audit records (材料一 9.4; 材料二 附录B 5.3): appended, never changed. Each hash covers the record and the
-- hash before it in the same stream; a stream has one writer at a time.

create table audit_records (
    stream bigint not null,
    seq bigint not null,
    hash bytea not null check (octet_length(hash) = 32),
    at timestamptz not null,
    category text not null,
    action text not null,
    actor_kind text not null,
    actor_id text not null,
    address text not null,
    institution_id int,
    object_kind text not null,
    object_ref text not null,
    result text not null,
    reason text not null,
    before text,
    after text,
    primary key (stream, seq)
);
create index audit_records_time on audit_records (at);
create index audit_records_actor on audit_records (actor_id, at);
create index audit_records_object on audit_records (object_kind, object_ref, at);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception using errcode = '42501', message = tg_table_name || ' is append-only';
end
$$;
create trigger audit_records_append_only before update or delete on audit_records
    for each row execute function refuse_change();
create trigger audit_records_not_emptied before truncate on audit_records
    for each statement execute function refuse_change();
