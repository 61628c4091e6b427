-- kind: receipt, windowed
-- Receipts of purchase orders (OpenAPI inventory-v2, InventoryReceiptResponse).

/* structure
{
  "id": "BIGINT", "active": "BOOLEAN", "number": "VARCHAR", "syncStatus": "VARCHAR", "vendorInvoiceNumber": "VARCHAR",
  "memo": "VARCHAR", "purchaseOrderId": "BIGINT", "billId": "BIGINT", "jobId": "BIGINT", "businessUnitId": "BIGINT",
  "vendorId": "BIGINT", "technicianId": "BIGINT", "inventoryLocationId": "BIGINT", "batchId": "BIGINT",
  "receiptAmount": "DECIMAL(18,4)", "taxAmount": "DECIMAL(18,4)", "shippingAmount": "DECIMAL(18,4)",
  "otherAmount": "DECIMAL(18,4)", "landedCostMethod": "VARCHAR", "shipToDescription": "VARCHAR",
  "receivedOn": "TIMESTAMPTZ", "createdOn": "TIMESTAMPTZ",
  "items": [{
    "id": "BIGINT", "purchaseOrderItemId": "BIGINT", "skuId": "BIGINT", "code": "VARCHAR", "name": "VARCHAR",
    "description": "VARCHAR", "quantity": "DECIMAL(28,7)", "cost": "DECIMAL(28,7)",
    "allocatedTax": "DECIMAL(18,4)", "allocatedShipping": "DECIMAL(18,4)", "allocatedOtherCosts": "DECIMAL(18,4)",
    "fullyLandedUnitCost": "DECIMAL(28,7)",
    "generalLedgerAccount": {"number": "VARCHAR", "name": "VARCHAR"},
    "costOfSaleAccount": {"number": "VARCHAR", "name": "VARCHAR"},
    "assetAccount": {"number": "VARCHAR", "name": "VARCHAR"}
  }]
}
*/

/* personal
{"whose": "job", "owner": "jobId", "members": ["memo", "shipToDescription", "items.description"]}
*/

-- hash
-- What an accountant would call an edit; that it was billed, batched or posted is none.
{
    'number': r.number, 'vendor_invoice': r.vendorInvoiceNumber, 'order': r.purchaseOrderId, 'vendor': r.vendorId,
    'job': r.jobId, 'business_unit': r.businessUnitId, 'location': r.inventoryLocationId, 'amount': r.receiptAmount,
    'tax': r.taxAmount, 'shipping': r.shippingAmount, 'other': r.otherAmount, 'received': r.receivedOn, 'active': r.active,
    'items': list_transform(r.items, lambda i: {
        'id': i.id, 'sku': i.code, 'text': i.description, 'quantity': i.quantity, 'cost': i.cost,
        'account': i.generalLedgerAccount.number
    })
}

-- table: stg_servicetitan__receipts
-- One row per receipt, its newest version.
select
    r.id as receipt_id,                                -- ServiceTitan's id of the receipt
    r.number as number,                                -- the number people use
    r.syncStatus as sync_status,                       -- Pending, Posted or Exported
    r.purchaseOrderId as purchase_order_id,            -- its purchase order
    r.billId as ap_bill_id,                            -- the bill that ServiceTitan made of it; null until then
    r.vendorId as vendor_id,                           -- vendor
    r.vendorInvoiceNumber as vendor_invoice_number,    -- number of the vendor's invoice
    r.receiptAmount as receipt_amount,                 -- total
    r.taxAmount as tax_amount,                         -- tax
    r.shippingAmount as shipping_amount,               -- shipping
    r.otherAmount as other_amount,                     -- duties, fees and other landed costs
    r.landedCostMethod as landed_cost_method,          -- how these are spread over items: None or ByValue
    r.jobId as job_id,                                 -- job
    r.businessUnitId as business_unit_id,              -- business unit
    r.technicianId as technician_id,                   -- technician
    r.inventoryLocationId as inventory_location_id,    -- warehouse or truck
    r.batchId as batch_id,                             -- batch
    r.shipToDescription as ship_to_description,        -- where to
    plain(r.memo) as memo,                             -- memo without markup
    r.active as is_active,                             -- false once canceled
    r.receivedOn as received_at,                       -- received
    r.createdOn as created_at,                         -- created
    origin.*
from record

-- table: stg_servicetitan__receipt_items
-- One row per item of a receipt; replaced as a whole with each newer version of the receipt.
select
    parent_id as receipt_id,                                      -- its receipt
    i.id as item_id,                                              -- ServiceTitan's id of the item
    position::integer as position,                                -- place in the receipt, from 1
    i.purchaseOrderItemId as purchase_order_item_id,              -- the item of the order
    i.skuId as sku_id,                                            -- material or equipment
    i.code as sku_code,                                           -- pricebook code
    i.name as sku_name,                                           -- name
    plain(i.description) as description,                          -- text without markup
    i.quantity as quantity,                                       -- received
    i.cost as unit_cost,                                          -- cost of one
    i.allocatedTax as allocated_tax,                              -- its part of the tax
    i.allocatedShipping as allocated_shipping,                    -- its part of shipping
    i.allocatedOtherCosts as allocated_other_costs,               -- its part of other costs
    i.fullyLandedUnitCost as landed_unit_cost,                    -- cost of one with all these
    i.generalLedgerAccount.number as gl_account_number,           -- account number in ServiceTitan's chart
    i.generalLedgerAccount.name as gl_account_name,               -- its name
    i.costOfSaleAccount.number as cost_of_sale_account_number,    -- cost of sale account
    i.costOfSaleAccount.name as cost_of_sale_account_name,        -- its name
    i.assetAccount.number as asset_account_number,                -- asset account
    i.assetAccount.name as asset_account_name,                    -- its name
    origin.*
from (select r.id as parent_id, origin, unnest(r.items) as i, unnest(range(1, len(r.items) + 1)) as position from record)
