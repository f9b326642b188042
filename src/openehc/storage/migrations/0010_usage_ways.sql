-- Application, terminal, channel and medium are the same in thousands of facts: one small key stands for the four.
-- The institution stays in the fact, since nearly every figure of 附录E is counted by it.

create table usage_ways (
    way_id int generated always as identity primary key,
    app_id text not null,
    term_id text not null,
    app_channel text not null,
    medium text not null,
    unique (app_id, term_id, app_channel, medium)
);

insert into usage_ways (app_id, term_id, app_channel, medium)
select distinct app_id, term_id, app_channel, medium from usage_facts;

alter table usage_facts add column way_id int;
update usage_facts f
   set way_id = w.way_id
  from usage_ways w
 where (w.app_id, w.term_id, w.app_channel, w.medium) = (f.app_id, f.term_id, f.app_channel, f.medium);
alter table usage_facts
    alter column way_id set not null,
    drop column app_id,
    drop column term_id,
    drop column app_channel,
    drop column medium;

-- The facts with every dimension, for those who count.
create view usage_facts_full as
select f.*, w.app_id, w.term_id, w.app_channel, w.medium
  from usage_facts f join usage_ways w using (way_id);
