-- Findings about client software (材料二 3.2): what was seen, and how far its handling came. An application that
-- is not registered is named by what it calls itself.
create table findings (
    finding_id int generated always as identity primary key,
    application_id int references applications (application_id),
    subject text not null check (length(subject) between 1 and 100),
    situation text not null check (situation in (
        'number_missing', 'not_listed', 'incomplete', 'counterfeit', 'version_gap', 'low_security')),
    state text not null check (state in ('found', 'notified', 'suspended', 'corrected', 'returned', 'dismissed')),
    evidence text not null check (length(evidence) <= 1000),
    source text not null check (source in ('operator', 'observed version', 'number file', 'knocks')),
    holds_application boolean not null default false,
    found_at timestamptz not null,
    changed_at timestamptz not null,
    revision int not null default 1
);
create index findings_state on findings (state, finding_id);
-- What is seen again while it is being handled is one finding.
create unique index findings_open_known on findings (application_id, situation)
    where application_id is not null and state not in ('returned', 'dismissed');
create unique index findings_open_unknown on findings (subject, situation)
    where application_id is null and state not in ('returned', 'dismissed');
