-- kind: purchase_request, windowed
-- Requests for purchase orders (OpenAPI inventory-v2, PurchaseOrderRequestResponse): what somebody wants to be ordered.

/* structure
{
  "id": "BIGINT", "requestNumber": "VARCHAR", "requestStatus": "VARCHAR", "typeId": "BIGINT", "vendorId": "BIGINT",
  "invoiceId": "BIGINT", "jobId": "BIGINT", "projectId": "BIGINT", "technicianId": "BIGINT", "businessUnitId": "BIGINT",
  "inventoryLocationId": "BIGINT", "batchId": "BIGINT", "vendorDocumentNumber": "VARCHAR", "date": "DATE",
  "requiredOn": "DATE", "total": "DECIMAL(18,4)", "tax": "DECIMAL(18,4)", "shipping": "DECIMAL(18,4)",
  "summary": "VARCHAR", "createdOn": "TIMESTAMPTZ",
  "shipTo": {"street": "VARCHAR", "unit": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR", "zip": "VARCHAR", "country": "VARCHAR"},
  "items": [{
    "id": "BIGINT", "skuId": "BIGINT", "skuCode": "VARCHAR", "skuName": "VARCHAR", "skuType": "VARCHAR",
    "description": "VARCHAR", "vendorPartNumber": "VARCHAR", "quantity": "DECIMAL(28,7)", "cost": "DECIMAL(28,7)",
    "total": "DECIMAL(18,4)", "status": "VARCHAR", "chargeable": "BOOLEAN"
  }]
}
*/

/* personal
{"whose": "job", "owner": "jobId", "members": ["summary", "shipTo", "items.description"]}
*/

-- hash
-- What a buyer would call an edit. Approval and batching are none; a rejection is.
{
    'number': r.requestNumber, 'type': r.typeId, 'vendor': r.vendorId, 'date': r.date, 'required': r.requiredOn,
    'total': r.total, 'tax': r.tax, 'shipping': r.shipping, 'job': r.jobId, 'project': r.projectId,
    'business_unit': r.businessUnitId, 'location': r.inventoryLocationId, 'document': r.vendorDocumentNumber,
    'ship_to': r.shipTo, 'rejected': r.requestStatus is not distinct from 'Rejected',
    'items': list_transform(r.items, lambda i: {
        'id': i.id, 'sku': i.skuCode, 'text': i.description, 'quantity': i.quantity, 'cost': i.cost, 'total': i.total
    })
}

-- table: stg_servicetitan__purchase_requests
-- One row per request, its newest version.
select
    r.id as purchase_request_id,                         -- ServiceTitan's id of the request
    r.requestNumber as number,                           -- the number people use
    r.requestStatus as status,                           -- PendingApproval, Approved or Rejected
    r.typeId as purchase_order_type_id,                  -- type of the order
    r.vendorId as vendor_id,                             -- vendor
    r.vendorDocumentNumber as vendor_document_number,    -- the vendor's number of it
    r.date as request_date,                              -- date of the request
    r.requiredOn as required_date,                       -- wanted on
    r.total as total,                                    -- total
    r.tax as tax,                                        -- tax
    r.shipping as shipping,                              -- shipping
    r.jobId as job_id,                                   -- job
    r.projectId as project_id,                           -- project
    r.invoiceId as invoice_id,                           -- invoice
    r.technicianId as technician_id,                     -- technician
    r.businessUnitId as business_unit_id,                -- business unit
    r.inventoryLocationId as inventory_location_id,      -- warehouse or truck
    r.batchId as batch_id,                               -- batch
    r.shipTo.street as ship_to_street,                   -- where to: street
    r.shipTo.unit as ship_to_unit,                       -- where to: unit
    r.shipTo.city as ship_to_city,                       -- where to: city
    r.shipTo.state as ship_to_state,                     -- where to: state
    r.shipTo.zip as ship_to_zip,                         -- where to: postal code
    r.shipTo.country as ship_to_country,                 -- where to: country
    plain(r.summary) as summary,                         -- memo without markup
    r.createdOn as created_at,                           -- created
    origin.*
from record

-- table: stg_servicetitan__purchase_request_items
-- One row per item of a request; replaced as a whole with each newer version of the request.
select
    parent_id as purchase_request_id,                 -- its request
    i.id as item_id,                                  -- ServiceTitan's id of the item
    position::integer as position,                    -- place in the request, from 1
    i.skuId as sku_id,                                -- material or equipment
    i.skuCode as sku_code,                            -- pricebook code
    i.skuName as sku_name,                            -- name
    i.skuType as sku_type,                            -- Material or Equipment
    plain(i.description) as description,              -- text without markup
    i.vendorPartNumber as vendor_part_number,         -- the vendor's number of it
    i.quantity as quantity,                           -- wanted
    i.cost as unit_cost,                              -- cost of one
    i.total as total,                                 -- cost of all
    i.status as status,                               -- its status; the values are not documented
    i.chargeable as is_chargeable,                    -- charged to the customer
    origin.*
from (select r.id as parent_id, origin, unnest(r.items) as i, unnest(range(1, len(r.items) + 1)) as position from record)
