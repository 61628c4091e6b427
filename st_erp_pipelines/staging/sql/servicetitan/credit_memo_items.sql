-- kind: credit_memo_item
-- Items of all credit memos (OpenAPI accounting-v2, CreditMemosItemsPublicResponse): numbers, no modifiedOn, no order.

/* structure
{
  "id": "BIGINT", "creditMemoId": "BIGINT", "type": "VARCHAR", "skuName": "VARCHAR", "description": "VARCHAR",
  "quantity": "DECIMAL(28,7)", "price": "DECIMAL(28,7)", "total": "DECIMAL(18,4)", "taxable": "BOOLEAN", "active": "BOOLEAN",
  "revenueGeneralLedgerAccount": {"number": "VARCHAR", "name": "VARCHAR"},
  "businessUnit": {"id": "BIGINT", "name": "VARCHAR"}
}
*/

/* personal
{"whose": "credit_memo", "owner": "creditMemoId", "members": ["description"]}
*/

-- table: stg_servicetitan__credit_memo_items
-- One row per item of a credit memo.
select
    r.id as item_id,                                            -- ServiceTitan's id of the item
    r.creditMemoId as credit_memo_id,                           -- its credit memo
    null::integer as position,                                  -- place in the memo by item id, from 1
    r.type as type,                                             -- as for invoice items
    r.skuName as sku_name,                                      -- pricebook code
    plain(r.description) as description,                        -- text without markup
    r.quantity as quantity,                                     -- quantity
    r.price as price,                                           -- price of one
    r.total as total,                                           -- amount before tax
    r.taxable as is_taxable,                                    -- taxable
    r.revenueGeneralLedgerAccount.number as gl_account_number,  -- revenue account number in ServiceTitan's chart
    r.revenueGeneralLedgerAccount.name as gl_account_name,      -- its name
    r.businessUnit.id as business_unit_id,                      -- business unit of the item
    r.businessUnit.name as business_unit_name,                  -- its name
    r.active as is_active,                                      -- false once removed from the memo
    origin.*
from record

-- after
update staging.stg_servicetitan__credit_memo_items as item
set position = placed.position
from (
    select item_id, (row_number() over (partition by credit_memo_id order by item_id))::integer as position
    from staging.stg_servicetitan__credit_memo_items
) as placed
where item.item_id = placed.item_id and item.position is distinct from placed.position
