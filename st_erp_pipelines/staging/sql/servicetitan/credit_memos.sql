-- kind: credit_memo, windowed
-- ServiceTitan credit memos (OpenAPI accounting-v2, CreditMemoPublicResponse): money as JSON numbers, plain dates.

/* structure
{
  "id": "BIGINT", "referenceNumber": "VARCHAR", "syncStatus": "VARCHAR", "date": "DATE", "subTotal": "DECIMAL(18,4)",
  "salesTax": "DECIMAL(18,4)", "total": "DECIMAL(18,4)", "balance": "DECIMAL(18,4)", "description": "VARCHAR",
  "active": "BOOLEAN", "createdOn": "TIMESTAMPTZ",
  "customer": {"id": "BIGINT", "name": "VARCHAR"},
  "businessUnit": {"id": "BIGINT", "name": "VARCHAR"}
}
*/

/* personal
{"whose": "customer", "owner": "customer.id", "members": ["customer.name", "description"]}
*/

-- hash
{
    'number': r.referenceNumber, 'date': r.date, 'sub_total': r.subTotal, 'tax': r.salesTax, 'total': r.total,
    'text': r.description, 'active': r.active, 'customer': r.customer.id, 'business_unit': r.businessUnit.id
}

-- table: stg_servicetitan__credit_memos
-- One row per ServiceTitan credit memo, its newest version.
select
    r.id as credit_memo_id,                       -- ServiceTitan's id of the credit memo
    r.referenceNumber as reference_number,        -- the number people use
    r.syncStatus as sync_status,                  -- Pending, Posted or Exported
    r.date as credit_memo_date,                   -- date of the credit memo
    r.subTotal as sub_total,                      -- before tax
    r.salesTax as sales_tax,                      -- tax
    r.total as total,                             -- with tax
    r.balance as balance,                         -- not applied yet
    r.customer.id as customer_id,                 -- customer
    r.customer.name as customer_name,             -- its name when the memo was read
    r.businessUnit.id as business_unit_id,        -- business unit
    r.businessUnit.name as business_unit_name,    -- its name
    plain(r.description) as description,          -- text without markup
    r.active as is_active,                        -- false once deleted
    r.createdOn as created_at,                    -- created
    origin.*
from record
