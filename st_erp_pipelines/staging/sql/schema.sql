-- Tables that no entity owns.

create schema if not exists staging;

create table if not exists staging.loads (
    file varchar,
    system varchar,
    entity varchar,
    rows bigint,
    loaded_at timestamptz
);
comment on table staging.loads is 'One row per landing file that is in staging.';
comment on column staging.loads.file is 'path of the landing file below the landing root';
comment on column staging.loads.system is 'where its records come from';
comment on column staging.loads.entity is 'what they are';
comment on column staging.loads.rows is 'how many it holds';
comment on column staging.loads.loaded_at is 'when it was loaded, UTC';

create table if not exists staging.quarantine (
    system varchar,
    entity varchar,
    key varchar,
    reason varchar,
    payload varchar,
    modified_at timestamptz,
    extracted_at timestamptz,
    loaded_at timestamptz
);
comment on table staging.quarantine is
    'Newest version of records that could not be staged, and why. A later good version removes the row.';
comment on column staging.quarantine.system is 'where the record comes from';
comment on column staging.quarantine.entity is 'what it is';
comment on column staging.quarantine.key is 'its id; where it has none, where it lay';
comment on column staging.quarantine.reason is 'why it cannot be staged';
comment on column staging.quarantine.payload is 'the record as it came';
comment on column staging.quarantine.modified_at is 'its modification time, where that could be read, UTC';
comment on column staging.quarantine.extracted_at is 'when this version was read, UTC';
comment on column staging.quarantine.loaded_at is 'when this version was set aside, UTC';
