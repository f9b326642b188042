-- Each worker writes what applications used every second. With the moment in an index every such update made a
-- new entry of it; without, the row is rewritten where it is. The table has a row for each application and day,
-- at most 90 days, so this takes moments.
drop index application_traffic_last;
create index application_traffic_days on application_traffic (app_id, day);

-- The newest uses are read from an index; without one a list of a day sorts all facts of it. Days to come get it
-- when they are made, those that are made already and empty now; an index of a full day would stop its writing.
create index usage_facts_at on only usage_facts (at);
do $$
declare
    part text;
begin
    for part in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
                 where i.inhparent = 'usage_facts'::regclass and pg_relation_size(c.oid) = 0
    loop
        execute format('create index %I on %I (at)', part || '_moment', part);
        execute format('alter index usage_facts_at attach partition %I', part || '_moment');
    end loop;
end
$$;
