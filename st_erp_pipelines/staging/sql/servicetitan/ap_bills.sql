-- kind: ap_bill, windowed
-- AP bills of both types, Procurement and ApBill (OpenAPI accounting-v2, ApBillResponse). Money comes as decimal strings.

/* structure
{
  "id": "BIGINT", "billType": "VARCHAR", "source": "VARCHAR", "status": "VARCHAR", "syncStatus": "VARCHAR",
  "referenceNumber": "VARCHAR", "vendorNumber": "VARCHAR", "summary": "VARCHAR", "billDate": "DATE", "dueDate": "DATE",
  "postDate": "DATE", "earlyDiscountDate": "DATE", "termName": "VARCHAR", "billAmount": "DECIMAL(18,4)",
  "vendorInvoiceTotal": "DECIMAL(18,4)", "taxAmount": "DECIMAL(18,4)", "shippingAmount": "DECIMAL(18,4)",
  "otherAmount": "DECIMAL(18,4)", "landedCostMethod": "VARCHAR", "doNotPay": "BOOLEAN", "purchaseOrderId": "BIGINT",
  "jobId": "BIGINT", "jobNumber": "VARCHAR", "dateReconciled": "TIMESTAMPTZ", "dateCanceled": "TIMESTAMPTZ",
  "createdOn": "TIMESTAMPTZ",
  "vendor": {"id": "BIGINT", "name": "VARCHAR"},
  "remittanceVendorInfo": {"id": "BIGINT", "name": "VARCHAR"},
  "businessUnit": {"id": "BIGINT", "name": "VARCHAR"},
  "taxZone": {"id": "BIGINT", "name": "VARCHAR"},
  "batch": {"id": "BIGINT", "number": "VARCHAR"},
  "items": [{
    "id": "BIGINT", "order": "INTEGER", "skuId": "BIGINT", "skuCode": "VARCHAR", "skuType": "VARCHAR", "name": "VARCHAR",
    "description": "VARCHAR", "vendorPartNumber": "VARCHAR", "quantity": "DECIMAL(28,7)", "cost": "DECIMAL(28,7)",
    "allocatedTax": "DECIMAL(18,4)", "allocatedShipping": "DECIMAL(18,4)", "allocatedOtherCosts": "DECIMAL(18,4)",
    "fullyLandedUnitCost": "DECIMAL(28,7)", "serialNumber": "VARCHAR", "receiptItemId": "BIGINT",
    "inventoryLocation": {"id": "BIGINT", "name": "VARCHAR", "type": "VARCHAR"},
    "generalLedgerAccount": {"number": "VARCHAR", "name": "VARCHAR"},
    "costOfSaleAccount": {"number": "VARCHAR", "name": "VARCHAR"},
    "assetAccount": {"number": "VARCHAR", "name": "VARCHAR"}
  }],
  "expenseItems": [{
    "id": "BIGINT", "amount": "DECIMAL(18,4)", "description": "VARCHAR",
    "generalLedgerAccount": {"number": "VARCHAR", "name": "VARCHAR"},
    "job": {"id": "BIGINT", "name": "VARCHAR"},
    "businessUnit": {"id": "BIGINT", "name": "VARCHAR"}
  }]
}
*/

/* personal
{"whose": "job", "owner": "jobId", "members": ["summary", "items.description", "expenseItems.description"]}
*/

-- hash
-- What an accountant would call an edit. Reconciling, batching and posting are not; a cancellation is.
{
    'type': r.billType, 'number': r.referenceNumber, 'vendor_number': r.vendorNumber, 'date': r.billDate, 'due': r.dueDate,
    'term': r.termName, 'amount': r.billAmount, 'tax': r.taxAmount, 'shipping': r.shippingAmount, 'other': r.otherAmount,
    'vendor': r.vendor.id, 'business_unit': r.businessUnit.id, 'tax_zone': r.taxZone.id, 'job': r.jobId,
    'purchase_order': r.purchaseOrderId, 'hold': r.doNotPay,
    'canceled': r.dateCanceled is not null or r.status is not distinct from 'Canceled',
    'items': list_transform(r.items, lambda i: {
        'id': i.id, 'sku': i.skuCode, 'text': i.description, 'quantity': i.quantity, 'cost': i.cost,
        'account': i.generalLedgerAccount.number, 'cost_account': i.costOfSaleAccount.number,
        'asset_account': i.assetAccount.number, 'location': i.inventoryLocation.id
    }),
    'expenses': list_transform(r.expenseItems, lambda e: {
        'id': e.id, 'amount': e.amount, 'text': e.description, 'account': e.generalLedgerAccount.number, 'job': e.job.id,
        'business_unit': e.businessUnit.id
    })
}

-- table: stg_servicetitan__ap_bills
-- One row per AP bill, its newest version: bills for purchase orders and stand-alone ones.
select
    r.id as ap_bill_id,                                       -- ServiceTitan's id of the bill
    r.billType as bill_type,                                  -- Procurement (of a purchase order) or ApBill (stand-alone)
    r.source as source,                                       -- where it came from, e.g. Purchasing, Standalone, OCR
    r.status as status,                                       -- Unreconciled, Discrepancy, Reconciled or Canceled
    r.syncStatus as sync_status,                              -- Pending, Posted or Exported
    r.referenceNumber as reference_number,                    -- ServiceTitan's number of the bill
    r.vendorNumber as vendor_number,                          -- number or identifier that the vendor gave it
    r.billDate as bill_date,                                  -- date of the bill
    r.dueDate as due_date,                                    -- payable until
    r.postDate as post_date,                                  -- posting date
    r.earlyDiscountDate as early_discount_date,               -- early payment discount until
    r.termName as term_name,                                  -- payment term, by name only
    r.billAmount as bill_amount,                              -- total
    r.vendorInvoiceTotal as vendor_invoice_total,             -- total that the vendor's own invoice says
    r.taxAmount as tax_amount,                                -- tax
    r.shippingAmount as shipping_amount,                      -- shipping
    r.otherAmount as other_amount,                            -- duties, fees and other landed costs
    r.landedCostMethod as landed_cost_method,                 -- how these are spread over items: None or ByValue
    r.doNotPay as is_on_hold,                                 -- not to be paid
    r.vendor.id as vendor_id,                                 -- vendor
    r.vendor.name as vendor_name,                             -- its name when the bill was read
    r.remittanceVendorInfo.id as remittance_vendor_id,        -- who is paid
    r.remittanceVendorInfo.name as remittance_vendor_name,    -- its name
    r.businessUnit.id as business_unit_id,                    -- business unit
    r.businessUnit.name as business_unit_name,                -- its name
    r.taxZone.id as tax_zone_id,                              -- tax zone
    r.purchaseOrderId as purchase_order_id,                   -- purchase order
    r.jobId as job_id,                                        -- job
    r.jobNumber as job_number,                                -- job number people use
    r.batch.id as batch_id,                                   -- batch
    r.batch.number as batch_number,                           -- its number
    plain(r.summary) as summary,                              -- summary without markup
    r.dateReconciled as reconciled_at,                        -- reconciled
    r.dateCanceled as canceled_at,                            -- canceled
    r.createdOn as created_at,                                -- created
    origin.*
from record

-- table: stg_servicetitan__ap_bill_items
-- One row per material or equipment of a bill; replaced as a whole with each newer version of the bill.
select
    parent_id as ap_bill_id,                                      -- its bill
    i.id as item_id,                                              -- ServiceTitan's id of the item
    coalesce(i."order", position)::integer as position,           -- place in the bill, as the bill counts
    i.skuId as sku_id,                                            -- material or equipment
    i.skuCode as sku_code,                                        -- pricebook code
    i.skuType as sku_type,                                        -- Material or Equipment
    i.name as name,                                               -- name
    plain(i.description) as description,                          -- text without markup
    i.vendorPartNumber as vendor_part_number,                     -- the vendor's number of it
    i.quantity as quantity,                                       -- quantity
    i.cost as unit_cost,                                          -- cost of one
    i.allocatedTax as allocated_tax,                              -- its part of the tax
    i.allocatedShipping as allocated_shipping,                    -- its part of shipping
    i.allocatedOtherCosts as allocated_other_costs,               -- its part of other costs
    i.fullyLandedUnitCost as landed_unit_cost,                    -- cost of one with all these
    i.serialNumber as serial_number,                              -- serial number
    i.receiptItemId as receipt_item_id,                           -- the item of a receipt that it bills
    i.inventoryLocation.id as inventory_location_id,              -- warehouse or truck
    i.inventoryLocation.name as inventory_location_name,          -- its name
    i.inventoryLocation.type as inventory_location_type,          -- which of the two
    i.generalLedgerAccount.number as gl_account_number,           -- account number in ServiceTitan's chart
    i.generalLedgerAccount.name as gl_account_name,               -- its name
    i.costOfSaleAccount.number as cost_of_sale_account_number,    -- cost of sale account
    i.costOfSaleAccount.name as cost_of_sale_account_name,        -- its name
    i.assetAccount.number as asset_account_number,                -- asset account
    i.assetAccount.name as asset_account_name,                    -- its name
    origin.*
from (select r.id as parent_id, origin, unnest(r.items) as i, unnest(range(1, len(r.items) + 1)) as position from record)

-- table: stg_servicetitan__ap_bill_expense_items
-- One row per expense of a bill; replaced as a whole with each newer version of the bill.
select
    parent_id as ap_bill_id,                                -- its bill
    e.id as expense_item_id,                                -- ServiceTitan's id of the expense
    position::integer as position,                          -- place in the bill, from 1
    e.amount as amount,                                     -- amount
    plain(e.description) as description,                    -- text
    e.generalLedgerAccount.number as gl_account_number,     -- account number in ServiceTitan's chart
    e.generalLedgerAccount.name as gl_account_name,         -- its name
    e.job.id as job_id,                                     -- job
    e.job.name as job_name,                                 -- its name
    e.businessUnit.id as business_unit_id,                  -- business unit of the expense; null: that of the bill
    e.businessUnit.name as business_unit_name,              -- its name
    origin.*
from (select r.id as parent_id, origin, unnest(r.expenseItems) as e, unnest(range(1, len(r.expenseItems) + 1)) as position from record)
