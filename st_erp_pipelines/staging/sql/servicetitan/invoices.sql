-- kind: invoice, windowed
-- ServiceTitan invoices with their items, as the list and the export give them (OpenAPI accounting-v2, InvoiceResponse).
-- Money comes as decimal strings, calendar dates as midnight Z, `items` may be null.

/* structure
{
  "id": "BIGINT", "referenceNumber": "VARCHAR", "syncStatus": "VARCHAR", "invoiceDate": "DATE", "dueDate": "DATE",
  "subTotal": "DECIMAL(18,4)", "salesTax": "DECIMAL(18,4)", "total": "DECIMAL(18,4)", "balance": "DECIMAL(18,4)",
  "discountTotal": "DECIMAL(18,4)", "taxZoneId": "BIGINT", "termName": "VARCHAR", "adjustmentToId": "BIGINT",
  "summary": "VARCHAR", "active": "BOOLEAN", "exportId": "VARCHAR", "createdOn": "TIMESTAMPTZ",
  "customer": {"id": "BIGINT", "name": "VARCHAR"},
  "location": {"id": "BIGINT", "name": "VARCHAR"},
  "businessUnit": {"id": "BIGINT", "name": "VARCHAR"},
  "job": {"id": "BIGINT", "number": "VARCHAR"},
  "items": [{
    "id": "BIGINT", "type": "VARCHAR", "skuName": "VARCHAR", "description": "VARCHAR",
    "quantity": "DECIMAL(28,7)", "price": "DECIMAL(28,7)", "total": "DECIMAL(18,4)", "taxable": "BOOLEAN",
    "generalLedgerAccount": {"number": "VARCHAR", "name": "VARCHAR"},
    "businessUnit": {"id": "BIGINT", "name": "VARCHAR"}
  }]
}
*/

/* personal
{"whose": "customer", "owner": "customer.id",
 "members": ["customer.name", "location.name", "summary", "items.description"]}
*/

-- hash
-- What an accountant would call an edit. Names of customers and units, the technician's summary, balance and export marks are not.
{
    'number': r.referenceNumber, 'date': r.invoiceDate, 'due': r.dueDate, 'sub_total': r.subTotal, 'tax': r.salesTax,
    'total': r.total, 'discount': r.discountTotal, 'tax_zone': r.taxZoneId, 'term': r.termName,
    'adjustment_to': r.adjustmentToId, 'active': r.active, 'customer': r.customer.id, 'location': r.location.id,
    'business_unit': r.businessUnit.id, 'job': r.job.number,
    'items': list_transform(r.items, lambda i: {
        'id': i.id, 'type': i.type, 'sku': i.skuName, 'text': i.description, 'quantity': i.quantity, 'price': i.price,
        'total': i.total, 'taxable': i.taxable, 'account': i.generalLedgerAccount.number, 'business_unit': i.businessUnit.id
    })
}

-- table: stg_servicetitan__invoices
-- One row per ServiceTitan invoice, its newest version.
select
    r.id as invoice_id,                           -- ServiceTitan's id of the invoice
    r.referenceNumber as reference_number,        -- the invoice number people use
    r.syncStatus as sync_status,                  -- Pending, Posted or Exported
    r.invoiceDate as invoice_date,                -- date of the invoice
    r.dueDate as due_date,                        -- payable until
    r.subTotal as sub_total,                      -- before tax
    r.salesTax as sales_tax,                      -- tax of the whole invoice, not repeated on items
    r.total as total,                             -- with tax; negative for a credit
    r.balance as balance,                         -- still owed
    r.discountTotal as discount_total,            -- discounts, already inside sub_total as PriceModifier items
    r.taxZoneId as tax_zone_id,                   -- tax zone
    r.customer.id as customer_id,                 -- billed customer
    r.customer.name as customer_name,             -- its name when the invoice was read
    r.location.id as location_id,                 -- service location
    r.location.name as location_name,             -- its name
    r.businessUnit.id as business_unit_id,        -- business unit of the invoice
    r.businessUnit.name as business_unit_name,    -- its name
    r.termName as term_name,                      -- payment term, by name only
    r.adjustmentToId as adjustment_to_id,         -- the invoice this one adjusts
    r.job.id as job_id,                           -- job
    r.job.number as job_number,                   -- job number people use
    plain(r.summary) as summary,                  -- summary without markup
    r.active as is_active,                        -- false once deleted or voided
    r.exportId as export_id,                      -- what an accounting export wrote there
    r.createdOn as created_at,                    -- created
    r.items is null as has_null_items,            -- the reply had no item list (an empty list is not null)
    origin.*
from record

-- table: stg_servicetitan__invoice_items
-- One row per item of an invoice; replaced as a whole with each newer version of the invoice.
select
    parent_id as invoice_id,                             -- its invoice
    i.id as item_id,                                     -- ServiceTitan's id of the item
    position::integer as position,                       -- place in the invoice, from 1
    i.type as type,                                      -- Service, Material, Equipment, PriceModifier (a discount) or Unspecified
    i.skuName as sku_name,                               -- pricebook code
    plain(i.description) as description,                 -- text without markup
    i.quantity as quantity,                              -- quantity
    i.price as price,                                    -- price of one
    i.total as total,                                    -- amount before tax
    i.taxable as is_taxable,                             -- taxable
    i.generalLedgerAccount.number as gl_account_number,  -- revenue account number in ServiceTitan's chart
    i.generalLedgerAccount.name as gl_account_name,      -- its name
    i.businessUnit.id as business_unit_id,               -- business unit of the item; null: that of the invoice
    i.businessUnit.name as business_unit_name,           -- its name
    origin.*
from (select r.id as parent_id, origin, unnest(r.items) as i, unnest(range(1, len(r.items) + 1)) as position from record)
