drop index terminals_serial;
drop index crypto_modules_serial;
