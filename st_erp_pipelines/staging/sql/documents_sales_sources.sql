-- Invoices and credit memos of ServiceTitan as one kind of source.
-- `direction` turns ServiceTitan's signs so that the document's total is positive; `amount` is what it does
-- to receivables.

create or replace temp view sales_sources as
select
    'invoice' as kind, 'INV' as stem, 'Invoice' as word, invoice_id as id, reference_number, invoice_date as document_date,
    coalesce(due_date, invoice_date) as due_date, total, coalesce(sales_tax, 0) as sales_tax, total as amount,
    case when total < 0 then 'credit_memo' else 'invoice' end as type,
    case when total < 0 then -1 else 1 end as direction,
    tax_zone_id, customer_id, customer_name, business_unit_id, business_unit_name, sync_status, first_sync_status,
    is_active is distinct from false as is_active, coalesce(has_null_items, false) as has_null_items, source_key, source_hash, home_day, loaded_at
from staging.stg_servicetitan__invoices
union all by name
select
    'credit_memo' as kind, 'CM' as stem, 'Credit memo' as word, credit_memo_id as id, reference_number,
    credit_memo_date as document_date, credit_memo_date as due_date, total, coalesce(sales_tax, 0) as sales_tax,
    -total as amount, 'credit_memo' as type, 1 as direction, null as tax_zone_id, customer_id, customer_name,
    business_unit_id, business_unit_name, sync_status, first_sync_status,
    is_active is distinct from false as is_active, false as has_null_items,
    source_key, source_hash, home_day, loaded_at
from staging.stg_servicetitan__credit_memos;

create or replace temp view sales_items as
select
    'invoice' as kind, invoice_id as id, position, type, sku_name, description, quantity, price, total, is_taxable,
    gl_account_number, gl_account_name, business_unit_id, business_unit_name
from staging.stg_servicetitan__invoice_items
union all by name
select
    'credit_memo' as kind, credit_memo_id as id, position, type, sku_name, description, quantity, price, total, is_taxable,
    gl_account_number, gl_account_name, business_unit_id, business_unit_name
from staging.stg_servicetitan__credit_memo_items
where is_active is distinct from false;
