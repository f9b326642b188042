-- An older program would open a merged account again when its document is registered: with any, there is no way back.
do $$
begin
    if exists (select from cards where merged_into is not null) then
        raise exception using errcode = '42P17', message = 'accounts were merged: an older program would open them again';
    end if;
end
$$;
drop table desk_looks;
drop index cards_merged_into;
alter table cards drop constraint cards_merged_are_closed;
alter table cards drop column merged_into;
