-- Every step stands in the audit records as well, and what it did to an application in the register's history.
drop index register_history_noticed;
drop table finding_steps;
