-- (An error of the class of definitions, 42, is shown with its text: see storage/migrations.py.)
do $$
begin
    if exists (select from findings) then
        raise exception using errcode = '42P17', message = 'findings exist: an older program would not keep them';
    end if;
end
$$;
drop table findings;
