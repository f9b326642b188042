-- A program without rotation knows one index key only: with rows under another version there is no way back.
-- (An error of the class of definitions, 42, is shown with its text: see storage/migrations.py.)
do $$
begin
    if exists (select from key_state where kind is not null or index_version <> 1) then
        raise exception using errcode = '42P17', message = 'keys were rotated: an older program cannot find the residents';
    end if;
end
$$;
drop table key_rotations;
drop table key_readers;
drop table key_state;
