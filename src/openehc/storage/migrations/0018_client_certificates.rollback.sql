-- The version before asks nobody for a certificate. What was bound stays in register_history.
alter table applications
    drop column certificate_needed,
    drop column client_certificates;
