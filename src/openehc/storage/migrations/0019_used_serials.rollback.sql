-- Every number stays used. With many this takes its time: it is one insert into a table in no order.
insert into serial_numbers (serial, used_at)
select serial, now() from used_serials order by serial
on conflict do nothing;
drop table used_serials;
