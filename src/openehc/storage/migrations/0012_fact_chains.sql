-- Usage facts are audit records too (who saw whose data, 材料一 9.4): each has its group in a chain, its place in
-- the group, and a hash. Facts made before this migration have none, so the columns may be null in them alone.
alter table usage_facts
    add column stream bigint,
    add column seq int,
    add column place smallint,
    add column hash bytea,
    add constraint usage_facts_chained check (
        stream is not null and seq is not null and place is not null and octet_length(hash) = 32
    ) not valid;
create index usage_facts_chain on usage_facts (stream, seq);

create trigger usage_facts_append_only before update or delete on usage_facts
    for each row execute function refuse_change();
create trigger usage_facts_not_emptied before truncate on usage_facts
    for each statement execute function refuse_change();
