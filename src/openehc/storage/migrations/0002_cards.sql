-- Card accounts (材料一 6.1). Every table of a resident carries the EHCID in its primary key, so it can be
-- distributed by it. Names, numbers and phones exist only sealed or as keyed blind indexes.

create table cards (
    ehcid bytea primary key check (octet_length(ehcid) = 32),
    state text not null check (state in ('prepared', 'active', 'closed')),
    blacklisted_at timestamptz,
    blacklist_reason text,
    sealed_profile bytea not null,
    phone_index bytea not null,
    name_index bytea not null,
    origin text not null,
    institution_id int not null,
    app_id text not null,
    apply_method text not null,
    certificate_mode text not null,
    registered_at timestamptz not null,
    activated_at timestamptz,
    closed_at timestamptz,
    revision int not null default 1
);
create index cards_phone on cards (phone_index);
create index cards_name on cards (name_index);

-- One person, one document: distributed by the document, so that it holds over all shards.
create table card_documents (
    document_index bytea primary key,
    ehcid bytea not null
);

create table card_links (
    ehcid bytea not null,
    card_index bytea not null,
    bound_at timestamptz not null,
    primary key (ehcid, card_index)
);
create index card_links_card on card_links (card_index);

create table card_photos (
    ehcid bytea primary key,
    sealed_photo bytea not null,
    changed_at timestamptz not null
);

-- What happened to an account: one row per change, never altered. The values before stay sealed.
create table card_history (
    ehcid bytea not null,
    revision int not null,
    change text not null,
    changed_at timestamptz not null,
    app_id text not null,
    term_id text not null,
    platform_serial text not null,
    external_serial text not null default '',
    changed_fields text[] not null default '{}',
    sealed_before bytea,
    primary key (ehcid, revision)
);
