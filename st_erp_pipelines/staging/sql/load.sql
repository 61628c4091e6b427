-- The steps of one load. {names} are filled in from the entity; values are bound.
-- Steps of a stretch share one transaction: the row ids they pass on hold no longer than that.

-- step: present
select table_name, list(column_name) from duckdb_columns() where schema_name = 'staging' group by all

-- step: no_record
create or replace temp view record as
select
    null::{types} as r,
    null::struct(
        source_key varchar, source_hash varchar, {first_types}
        modified_at timestamptz, extracted_at timestamptz, loaded_at timestamptz
    ) as origin
where false

-- step: known
select file from staging.loads where system = $system and entity = $entity

-- step: sizes
select file_name, num_rows from parquet_file_metadata($paths) order by file_name

-- step: landed
-- One stretch of landing rows, typed. `try(cast)` yields null as soon as one value of the record does not fit:
-- only then is the raw record kept and looked at field by field.
create or replace temp table landed as
with parsed as (
    select
        coalesce(key, 'row ' || file_row_number || ' of ' || parse_filename(filename)) as key,
        modified_on,
        extracted_at,
        payload,
        case when starts_with(payload, '{{"forgotten":') then payload ->> '$.forgotten' end as forgotten,
        from_json(payload, '{raw_structure}') as raw
    from read_parquet($paths, file_row_number = true, filename = true)
    where file_row_number between $first_row and $last_row
),
typed as (
    select
        *,
        try_cast(modified_on as timestamptz) as modified_at,
        try(cast(raw as {types})) as r,
        {misshapen} as misshapen
    from parsed
),
judged as (
    select
        * exclude (r),
        case
            when r.id is null or (modified_at is null and modified_on is not null) or misshapen <> '' then null
            else r
        end as r
    from typed
)
select
    key, modified_at, extracted_at, forgotten, r,
    case when r is null then payload end as payload,
    case when r is null then
        coalesce(nullif(concat_ws('; ',
            case when raw.id is null then 'id: missing' end,
            case when modified_at is null and modified_on is not null
                then 'modified: ''' || modified_on || ''' is no time' end,
            nullif(misshapen, ''){faults}
        ), ''), 'no record of the declared structure')
    end as reason
from judged

-- step: chosen
-- Of every record in the stretch its newest good version, how that compares with what is staged, and where it was first seen.
create or replace temp table chosen as
with best as (
    select
        key,
        arg_max(rowid, (version_at(modified_at, extracted_at), extracted_at, rowid)) as newest_row,
        arg_min(rowid, (extracted_at, version_at(modified_at, extracted_at), rowid)) as first_row
    from landed
    where r is not null
    group by key
),
compared as (
    select
        best.newest_row,
        $key_prefix || best.key as source_key,
        -- What was forgotten says the same to an accountant: it keeps the hash that it had.
        coalesce(nullif(landed.forgotten, ''), md5(to_json({hash})::varchar)) as source_hash,
        staged.source_key is not null as is_staged,
        staged.source_hash as staged_hash,
        is_staged and (version_at(staged.modified_at, staged.extracted_at), staged.extracted_at)
            > (version_at(landed.modified_at, landed.extracted_at), landed.extracted_at) as is_older,
        is_staged and staged.first_extracted_at <= earliest.extracted_at as is_known{first_values}
    from best
    join landed on landed.rowid = best.newest_row
    join (select rowid as row, modified_at, extracted_at, r as record from landed) as earliest
        on earliest.row = best.first_row
    left join staging.{table} as staged on staged.source_key = $key_prefix || best.key
)
select
    *,
    case
        when is_older then 'older'
        when not is_staged then 'new'
        when source_hash is distinct from staged_hash then 'changed'
        else 'unchanged'
    end as outcome
from compared

-- step: record
-- What the projections of the entity read.
create or replace temp view record as
select
    landed.r,
    {{
        'source_key': chosen.source_key, 'source_hash': chosen.source_hash, {first_origin}
        'modified_at': landed.modified_at, 'extracted_at': landed.extracted_at, 'loaded_at': getvariable('loaded_at')
    }} as origin
from chosen
join landed on landed.rowid = chosen.newest_row
where chosen.outcome <> 'older'

-- step: merge
merge into staging.{table} as staged
using ({projection}) as incoming
on staged.source_key = incoming.source_key
when matched then update
when not matched then insert

-- step: first_seen
-- An older version that was read earlier than all we knew: files may be loaded in any order.
update staging.{table} as staged
set {first_updates}
from chosen
where staged.source_key = chosen.source_key and chosen.outcome = 'older' and not chosen.is_known

-- step: forget_children
delete from staging.{table}
where source_key in (select source_key from chosen where outcome in ('changed', 'unchanged'))

-- step: insert_children
insert into staging.{table} {projection}

-- step: rejected
-- The newest bad version of every record, and whether a better or newer one is known already.
-- Mind the null tests: DuckDB compares tuples with null as the greatest value.
create or replace temp table rejected as
with worst as (
    select key, arg_max(rowid, (version_at(modified_at, extracted_at), extracted_at, rowid)) as newest_row
    from landed
    where r is null
    group by key
)
select
    worst.newest_row, landed.key, landed.reason, landed.payload, landed.modified_at, landed.extracted_at,
    version_at(landed.modified_at, landed.extracted_at) as version,
    case
        when staged.source_key is not null
            and (version_at(staged.modified_at, staged.extracted_at), staged.extracted_at) >= (version, landed.extracted_at)
            then 'older'
        when held.key is not null
            and (version_at(held.modified_at, held.extracted_at), held.extracted_at) > (version, landed.extracted_at)
            then 'older'
        else 'quarantined'
    end as outcome
from worst
join landed on landed.rowid = worst.newest_row
left join staging.{table} as staged on staged.source_key = $key_prefix || worst.key
left join staging.quarantine as held
    on held.system = $system and held.entity = $entity and held.key = worst.key

-- step: quarantine
merge into staging.quarantine as held
using (
    select
        $system as system, $entity as entity, key, reason, payload, modified_at, extracted_at,
        getvariable('loaded_at') as loaded_at
    from rejected
    where outcome = 'quarantined'
) as bad
on held.system = bad.system and held.entity = bad.entity and held.key = bad.key
when matched then update
when not matched then insert

-- step: release
-- A good version that is not older than the one in quarantine takes it out.
delete from staging.quarantine as held
using staging.{table} as staged
where held.system = $system and held.entity = $entity and staged.source_key = $key_prefix || held.key
    and (version_at(held.modified_at, held.extracted_at), held.extracted_at)
        <= (version_at(staged.modified_at, staged.extracted_at), staged.extracted_at)

-- step: outcomes
-- Of all rows in the stretch; those that are not the newest of their record are older ones too.
select
    case when landed.rowid = chosen.newest_row then chosen.outcome
         when landed.rowid = rejected.newest_row then rejected.outcome
         else 'older'
    end as outcome,
    count(*)
from landed
left join chosen on chosen.newest_row = landed.rowid
left join rejected on rejected.newest_row = landed.rowid
group by all

-- step: vanished
-- What the newest snapshot does not name is gone over there.
delete from staging.{table}
where extracted_at < $extracted_at
    and source_key not in (select $key_prefix || key from read_parquet($path) where key is not null)

-- step: vanished_quarantine
delete from staging.quarantine
where system = $system and entity = $entity and extracted_at < $extracted_at
    and key not in (select key from read_parquet($path) where key is not null)

-- step: loaded
insert into staging.loads select unnest($files::varchar[]), $system, $entity, unnest($rows::bigint[]), getvariable('loaded_at')

-- step: followed
-- Where a customer went when it was merged, over any number of merges; a circle ends where it would close.
create or replace view staging.customers_followed as
with recursive way as (
    select customer_id, customer_id as final_customer_id, [customer_id] as seen from staging.stg_servicetitan__customers
    union all
    select way.customer_id, merged.merged_to_id, list_append(way.seen, merged.merged_to_id)
    from way
    join staging.stg_servicetitan__customers as merged on merged.customer_id = way.final_customer_id
    where merged.merged_to_id is not null and not list_contains(way.seen, merged.merged_to_id)
)
select customer_id, arg_max(final_customer_id, len(seen)) as final_customer_id
from way
group by customer_id;
comment on view staging.customers_followed is 'One row per customer: where it went when it was merged, over any number of merges.';
comment on column staging.customers_followed.customer_id is 'a customer in ServiceTitan';
comment on column staging.customers_followed.final_customer_id is 'what it is merged into; itself where it is not'
