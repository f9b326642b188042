-- The front proxy of the crypto machines (材料一 9.5): who may call it, and which machines stand behind it.

create table crypto_callers (
    name text primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    public_key bytea not null unique check (octet_length(public_key) = 65),
    calls text[] not null check (cardinality(calls) > 0),
    networks cidr[] not null check (cardinality(networks) > 0),
    allowed_at timestamptz not null default now(),
    revoked_at timestamptz
);

-- Machines beside those of the setting: "in" adds one, "out" takes one away, of the setting too.
create table crypto_machines (
    host text not null check (length(host) between 1 and 253),
    port int not null check (port between 1 and 65535),
    wanted text not null check (wanted in ('in', 'out')),
    changed_at timestamptz not null default now(),
    primary key (host, port)
);

-- What each worker made of it; a row that is not renewed belongs to nobody any more.
create table crypto_workers (
    worker uuid primary key,
    described text not null,
    machines jsonb not null,
    seen_at timestamptz not null
);

create function tell_crypto_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('crypto', tg_table_name);
    return null;
end
$$;

create trigger crypto_callers_changed after insert or update or delete on crypto_callers
    for each statement execute function tell_crypto_changed();
create trigger crypto_machines_changed after insert or update or delete on crypto_machines
    for each statement execute function tell_crypto_changed();
