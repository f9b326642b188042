drop index application_traffic_days;
create index application_traffic_last on application_traffic (app_id, last_success_at desc);
drop index usage_facts_at;
