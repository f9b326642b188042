drop table authorisations;
drop table daily_users;
drop table usage_facts;
drop table issued_codes;
