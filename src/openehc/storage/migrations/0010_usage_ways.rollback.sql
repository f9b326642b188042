drop view usage_facts_full;

alter table usage_facts
    add column app_id text,
    add column term_id text,
    add column app_channel text,
    add column medium text;
update usage_facts f
   set app_id = w.app_id, term_id = w.term_id, app_channel = w.app_channel, medium = w.medium
  from usage_ways w
 where w.way_id = f.way_id;
alter table usage_facts
    alter column app_id set not null,
    alter column term_id set not null,
    alter column app_channel set not null,
    alter column medium set not null,
    drop column way_id;

drop table usage_ways;
