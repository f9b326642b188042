drop table finding_looks;
