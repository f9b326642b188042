-- Signed checkpoints must not vanish with a way back: with any there, there is none.
do $$
begin
    if exists (select from audit_records) or exists (select from audit_checkpoints) then
        raise exception using errcode = '42P17', message = 'audit records exist: an older program would not keep them';
    end if;
end
$$;
drop table audit_heads;
drop table audit_checkpoints;
drop table audit_origin;
alter table audit_records drop constraint audit_records_pkey;
alter table audit_records add primary key (stream, seq);
alter table audit_records alter column seq type bigint;
alter table audit_records drop column place;
