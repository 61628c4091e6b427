-- Tables that no entity owns.

create schema if not exists staging;

create table if not exists staging.loads (
    file varchar,            -- path of the landing file below the landing root
    system varchar,
    entity varchar,
    rows bigint,
    loaded_at timestamptz
);
comment on table staging.loads is 'One row per landing file that is in staging.';

create table if not exists staging.quarantine (
    system varchar,          -- where the record comes from
    entity varchar,          -- what it is
    key varchar,             -- its id; where it has none, where it lay
    reason varchar,          -- why it cannot be staged
    payload varchar,         -- the record as it came
    modified_at timestamptz, -- its modification time, where that could be read
    extracted_at timestamptz,
    loaded_at timestamptz
);
comment on table staging.quarantine is
    'Newest version of records that could not be staged, and why. A later good version removes the row.';
