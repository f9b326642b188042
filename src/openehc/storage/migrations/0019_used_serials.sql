-- Serial numbers that were used, with what leads them: the digits of the number, so that numbers of one time
-- stand beside each other and a claim touches the pages that the one before it touched. `serial` alone tells
-- the numbers apart; `lead` is computed from the same number. Numbers used before stay in serial_numbers, which
-- is asked and no longer written.
create table used_serials (
    lead bigint not null,
    serial uuid not null,
    primary key (lead, serial)
);
