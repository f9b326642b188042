-- People and what waits for them must not vanish with a way back: with any there, there is none.
do $$
begin
    if exists (select from users) then
        raise exception using errcode = '42P17', message = 'users exist: an older program would not keep them';
    end if;
end
$$;
drop table approvals;
drop table sign_in_policy;
drop table once_values;
drop table sign_in_failures;
drop table sessions;
drop table users;
