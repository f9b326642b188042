-- The TLS certificates of client software (材料一 9.6): the SHA-256 of each, and whether it calls with one of them only.
alter table applications
    add column client_certificates text[] not null default '{}'
        constraint applications_client_certificates check (
            cardinality(client_certificates) <= 10
            and array_to_string(client_certificates, ',', 'null') ~ '^([0-9a-f]{64}(,[0-9a-f]{64})*)?$'),
    add column certificate_needed boolean not null default false,
    add constraint applications_certificate_needed
        check (not certificate_needed or cardinality(client_certificates) > 0);
