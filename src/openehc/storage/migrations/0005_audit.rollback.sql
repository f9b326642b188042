-- Records must not vanish with a way back: with any there, there is none.
do $$
begin
    if exists (select from audit_records) then
        raise exception using errcode = '42P17', message = 'audit records exist: an older program would not keep them';
    end if;
end
$$;
drop table audit_records;
drop function refuse_change();
