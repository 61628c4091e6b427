-- What may go of landing, judged by what staging stands on. {names} are filled in from the entity; values are bound.

-- step: standing
-- By record, when the versions were read that staging is made of: the staged one, the first one, one in quarantine.
create or replace temp table standing as
select substr(source_key, len($key_prefix) + 1) as key, unnest([extracted_at, first_extracted_at]) as extracted_at
from staging.{table}
union
select key, extracted_at from staging.quarantine where system = $system and entity = $entity

-- step: superfluous
-- Of these files, those that hold more than that.
select distinct filename
from (
    select filename, extracted_at, coalesce(key, 'row ' || file_row_number || ' of ' || parse_filename(filename)) as key
    from read_parquet($paths, filename = true, file_row_number = true)
)
anti join standing using (key, extracted_at)

-- step: kept
-- Rows by file and place, each once: payloads are not looked at. A record without a key goes on being called as staging calls it.
create or replace temp table kept as
with landed as (
    select
        filename,
        file_row_number as row,
        coalesce(key, 'row ' || file_row_number || ' of ' || parse_filename(filename)) as key,
        coalesce(try_cast(modified_on as timestamptz), extracted_at) as version,
        extracted_at
    from read_parquet($paths, filename = true, file_row_number = true) as landed
    qualify row_number() over (partition by key, version, landed.extracted_at order by filename, file_row_number) = 1
)
select filename, row, key from landed semi join standing using (key, extracted_at)
union
select filename, row, key from landed
where not $is_old
qualify row_number() over (partition by key order by version desc, extracted_at desc) = 1

-- step: count
select count(*) from kept

-- step: join
copy (
    select kept.key, landed.modified_on, landed.payload, landed.run_id, landed.extracted_at
    from read_parquet($paths, filename = true, file_row_number = true) as landed
    join kept on kept.filename = landed.filename and kept.row = landed.file_row_number
) to $target {write}

-- step: forget_loads
delete from staging.loads where list_contains($files::varchar[], file)

-- step: loaded
insert into staging.loads values ($file, $system, $entity, $rows, getvariable('loaded_at'))
