drop table serial_numbers;
drop table terminals;
drop table application_grants;
drop table applications;
drop table institutions;
drop function tell_registry_changed();
