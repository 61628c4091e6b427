-- What is personal of a customer who is to be forgotten. {names} are filled in from the entity; values are bound.

-- step: whose_customer
select $customer_id::varchar

-- step: whose_erp_customer
select unnest($erp_numbers::varchar[])

-- step: whose_credit_memo
select credit_memo_id::varchar from staging.stg_servicetitan__credit_memos where customer_id = $customer_id

-- step: whose_job
select job_id::varchar from staging.stg_servicetitan__jobs where customer_id = $customer_id
union
select job_id::varchar from staging.stg_servicetitan__invoices where customer_id = $customer_id and job_id is not null

-- step: whose_job_reference
-- An order of S/4HANA may name a job by its number or its id.
select unnest([job_id::varchar, number]) from staging.stg_servicetitan__jobs where customer_id = $customer_id

-- step: whose_erp_document
select number from staging.stg_business_central__sales_invoices where list_contains($erp_numbers, customer_number)
union
select number from staging.stg_business_central__sales_credit_memos where list_contains($erp_numbers, customer_number)

-- step: theirs
-- Rows of these owners by file and place, with the hash that staging gives them; '' for a record that it cannot read.
with found as (
    select
        filename, file_row_number, modified_on, payload,
        list_filter({owners_of_row}, lambda owner: list_contains($owners, owner)) as owners
    from read_parquet($paths, filename = true, file_row_number = true)
),
typed as (
    select *, try(cast(from_json(payload, '{raw_structure}') as {types})) as r
    from found
    where len(owners) > 0
)
select
    filename, file_row_number, try_cast(modified_on as timestamptz), owners, payload,
    case
        when starts_with(payload, '{{"forgotten":') then payload ->> '$.forgotten'
        when r.id is null then ''
        else md5(to_json({hash})::varchar)
    end
from typed

-- step: rewrite
copy (
    select landed.key, landed.modified_on, coalesce(edit.payload, landed.payload) as payload, landed.run_id, landed.extracted_at
    from read_parquet($path, file_row_number = true) as landed
    left join (
        select unnest(from_json($edits, '[{{"row": "BIGINT", "payload": "VARCHAR"}}]'), max_depth := 2)
    ) as edit on edit.row = landed.file_row_number
) to $target {write}

-- step: known
-- Where the ERP buys, customers are not read, but jobs name them.
select 1 from staging.stg_servicetitan__customers where customer_id = $customer_id
union select 1 from staging.stg_servicetitan__jobs where customer_id = $customer_id

-- step: names
-- What texts of the outbox may call them.
select name from staging.stg_servicetitan__customers where customer_id = $customer_id
union select customer_name from staging.stg_servicetitan__invoices where customer_id = $customer_id
union select customer_name from staging.stg_servicetitan__payments where customer_id = $customer_id
union select customer_name from staging.stg_servicetitan__credit_memos where customer_id = $customer_id
union select name from staging.stg_servicetitan__locations where customer_id = $customer_id

-- step: names_there
select display_name from erp_customers where list_contains($erp_numbers, number)

-- step: merged
select customer_id from staging.stg_servicetitan__customers where merged_to_id = $customer_id order by 1

-- step: sources
-- Their documents, and whether there is something to post of them.
with named as (
    select source_key, 'invoice ' || coalesce(reference_number, invoice_id::varchar) as label, invoice_date as day, is_active
    from staging.stg_servicetitan__invoices where customer_id = $customer_id
    union all
    select source_key, 'credit memo ' || coalesce(reference_number, credit_memo_id::varchar), credit_memo_date, is_active
    from staging.stg_servicetitan__credit_memos where customer_id = $customer_id
    union all
    select source_key, 'payment ' || coalesce(reference_number, payment_id::varchar), payment_date, is_active
    from staging.stg_servicetitan__payments where customer_id = $customer_id
    union all
    select request.source_key, 'purchase request ' || coalesce(request.number, purchase_request_id::varchar), null, false
    from staging.stg_servicetitan__purchase_requests as request
    join staging.stg_servicetitan__jobs as job on job.job_id = request.job_id
    where job.customer_id = $customer_id
)
select source_key, label, is_active is distinct from false and coalesce(day >= $go_live, true) from named order by label
