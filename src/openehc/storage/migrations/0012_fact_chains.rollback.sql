drop trigger usage_facts_append_only on usage_facts;
drop trigger usage_facts_not_emptied on usage_facts;
drop index usage_facts_chain;
alter table usage_facts
    drop constraint usage_facts_chained,
    drop column stream,
    drop column seq,
    drop column place,
    drop column hash;
