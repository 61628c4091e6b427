-- Landing files: key and modified_on as text, the record, and where it came from.

-- step: split
-- Pages are split twice by their outline only: once into raw records, once into the two members we look at.
copy (
    select
        key."{key}" as key,
        key."{modified}" as modified_on,
        payload::varchar as payload,
        $run_id as run_id,
        $extracted_at::timestamptz as extracted_at
    from (
        select
            unnest(case when page."{rows}" is null then error($no_rows || filename) else page."{rows}" end) as payload,
            unnest(keys."{rows}") as key
        from (
            select filename, from_json(content, $page_outline) as page, from_json(content, $key_outline) as keys
            from read_text($pages)
        )
    )
) to $target {write}

-- step: counts
select count(*), count(distinct key) from read_parquet($target)

-- step: total
-- Each query of a walk (by ids, in groups) announces its own total, on its first page or on all of them.
select sum(outline."totalCount")::bigint
from (select from_json(content, '{{"page": "BIGINT", "totalCount": "BIGINT"}}') as outline from read_text($pages))
where coalesce(outline.page, 1) = 1

-- step: unreadable
select parse_filename(filename) from read_blob($pages)
where not coalesce(try(json_valid(decode(content))), false) order by filename limit 1
