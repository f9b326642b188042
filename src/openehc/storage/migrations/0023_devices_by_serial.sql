-- A device is looked for by its serial number in any case: who applies for one that is black-listed is told so.
create index terminals_serial on terminals (lower(serial_no));
create index crypto_modules_serial on crypto_modules (lower(serial_no));
