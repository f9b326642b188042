drop table crypto_workers;
drop table crypto_machines;
drop table crypto_callers;
drop function tell_crypto_changed();
