-- Each worker writes what applications used every second. With the moment in an index every such update made a
-- new entry of it; without, the row is rewritten where it is. The table has a row for each application and day,
-- at most 90 days, so this takes moments.
drop index application_traffic_last;
create index application_traffic_days on application_traffic (app_id, day);
