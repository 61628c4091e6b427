-- kind: purchase_order, windowed
-- Purchase orders (API_PURCHASEORDER_PROCESS_SRV, A_PurchaseOrder) with items, account assignments and schedule lines.

/* structure
{
  "id": "VARCHAR", "PurchaseOrder": "VARCHAR", "CompanyCode": "VARCHAR", "PurchaseOrderType": "VARCHAR",
  "PurchasingDocumentDeletionCode": "VARCHAR", "PurchasingProcessingStatus": "VARCHAR", "CreatedByUser": "VARCHAR",
  "CreationDate": "DATE", "LastChangeDateTime": "TIMESTAMPTZ", "Supplier": "VARCHAR", "InvoicingParty": "VARCHAR",
  "PurchasingOrganization": "VARCHAR", "PurchasingGroup": "VARCHAR", "PurchaseOrderDate": "DATE",
  "DocumentCurrency": "VARCHAR", "ExchangeRate": "VARCHAR", "PaymentTerms": "VARCHAR", "Language": "VARCHAR",
  "CorrespncExternalReference": "VARCHAR", "CorrespncInternalReference": "VARCHAR", "ReleaseIsNotCompleted": "BOOLEAN",
  "PurchasingCompletenessStatus": "BOOLEAN", "etag": "VARCHAR", "forgotten": "VARCHAR",
  "AddressName": "VARCHAR", "AddressStreetName": "VARCHAR",
  "AddressHouseNumber": "VARCHAR", "AddressCityName": "VARCHAR", "AddressPostalCode": "VARCHAR",
  "AddressRegion": "VARCHAR", "AddressCountry": "VARCHAR",
  "to_PurchaseOrderItem": [{
    "PurchaseOrderItem": "INTEGER", "PurchasingDocumentDeletionCode": "VARCHAR", "PurchaseOrderItemText": "VARCHAR",
    "Plant": "VARCHAR", "StorageLocation": "VARCHAR", "MaterialGroup": "VARCHAR", "Material": "VARCHAR",
    "SupplierMaterialNumber": "VARCHAR", "OrderQuantity": "DECIMAL(28,7)", "PurchaseOrderQuantityUnit": "VARCHAR",
    "OrderPriceUnit": "VARCHAR", "OrderPriceUnitToOrderUnitNmrtr": "DECIMAL(18,4)",
    "OrdPriceUnitToOrderUnitDnmntr": "DECIMAL(18,4)", "NetPriceAmount": "DECIMAL(18,4)", "NetPriceQuantity": "DECIMAL(18,4)",
    "DocumentCurrency": "VARCHAR", "TaxCode": "VARCHAR", "PurchaseOrderItemCategory": "VARCHAR",
    "AccountAssignmentCategory": "VARCHAR", "IsCompletelyDelivered": "BOOLEAN", "IsFinallyInvoiced": "BOOLEAN",
    "GoodsReceiptIsExpected": "BOOLEAN", "InvoiceIsExpected": "BOOLEAN", "InvoiceIsGoodsReceiptBased": "BOOLEAN",
    "IsReturnsItem": "BOOLEAN", "PurchasingItemIsFreeOfCharge": "BOOLEAN", "PurchaseRequisition": "VARCHAR",
    "PurchaseRequisitionItem": "VARCHAR", "RequisitionerName": "VARCHAR", "DeliveryAddressName": "VARCHAR",
    "DeliveryAddressStreetName": "VARCHAR", "DeliveryAddressHouseNumber": "VARCHAR", "DeliveryAddressCityName": "VARCHAR",
    "DeliveryAddressPostalCode": "VARCHAR", "DeliveryAddressRegion": "VARCHAR", "DeliveryAddressCountry": "VARCHAR",
    "to_AccountAssignment": [{
      "AccountAssignmentNumber": "INTEGER", "IsDeleted": "BOOLEAN", "Quantity": "DECIMAL(28,7)",
      "MultipleAcctAssgmtDistrPercent": "DECIMAL(18,4)", "PurgDocNetAmount": "DECIMAL(18,4)", "GLAccount": "VARCHAR",
      "CostCenter": "VARCHAR", "ControllingArea": "VARCHAR", "OrderID": "VARCHAR", "ProfitCenter": "VARCHAR",
      "WBSElement": "VARCHAR"
    }],
    "to_ScheduleLine": [{
      "ScheduleLine": "INTEGER", "ScheduleLineDeliveryDate": "DATE", "ScheduleLineOrderQuantity": "DECIMAL(28,7)"
    }]
  }]
}
*/

/* personal
{
  "whose": "job_reference", "owner": "CorrespncInternalReference",
  "members": [
    "to_PurchaseOrderItem.PurchaseOrderItemText", "to_PurchaseOrderItem.DeliveryAddressName",
    "to_PurchaseOrderItem.DeliveryAddressStreetName", "to_PurchaseOrderItem.DeliveryAddressHouseNumber",
    "to_PurchaseOrderItem.DeliveryAddressCityName", "to_PurchaseOrderItem.DeliveryAddressPostalCode"
  ]
}
*/

-- hash
-- What a buyer would call an edit. Release, delivery and invoicing are none; a deletion or a block is.
{
    'type': r.PurchaseOrderType, 'deleted': r.PurchasingDocumentDeletionCode, 'supplier': unpadded(r.Supplier),
    'organization': r.PurchasingOrganization, 'date': r.PurchaseOrderDate, 'currency': r.DocumentCurrency,
    'references': [r.CorrespncExternalReference, r.CorrespncInternalReference],
    'items': list_sort(list_transform(r.to_PurchaseOrderItem, lambda i: {
        'item': i.PurchaseOrderItem, 'deleted': i.PurchasingDocumentDeletionCode, 'text': i.PurchaseOrderItemText,
        'plant': i.Plant, 'storage': i.StorageLocation, 'material': unpadded(i.Material), 'part': i.SupplierMaterialNumber,
        'quantity': i.OrderQuantity, 'unit': i.PurchaseOrderQuantityUnit, 'price': i.NetPriceAmount,
        'per': [i.NetPriceQuantity, i.OrderPriceUnitToOrderUnitNmrtr, i.OrdPriceUnitToOrderUnitDnmntr],
        'price_unit': i.OrderPriceUnit, 'tax_code': i.TaxCode, 'returns': i.IsReturnsItem,
        'free': i.PurchasingItemIsFreeOfCharge, 'requisition': [i.PurchaseRequisition, i.PurchaseRequisitionItem],
        'ship_to': [
            i.DeliveryAddressName, i.DeliveryAddressStreetName, i.DeliveryAddressHouseNumber, i.DeliveryAddressCityName,
            i.DeliveryAddressPostalCode, i.DeliveryAddressRegion, i.DeliveryAddressCountry
        ],
        'accounts': list_sort(i.to_AccountAssignment), 'schedule': list_sort(i.to_ScheduleLine)
    }))
}

-- table: stg_sap_s4hana__purchase_orders
-- One row per purchase order, its newest version. It has no total: its items have.
select
    unpadded(r.PurchaseOrder) as purchase_order,                            -- number, without leading zeros
    r.CompanyCode as company_code,                                          -- company code
    r.PurchaseOrderType as order_type,                                      -- type: NB is a standard order
    nullif(r.PurchasingDocumentDeletionCode, '') as deletion_code,          -- L deleted, S blocked, null neither
    nullif(r.PurchasingProcessingStatus, '') as processing_status,          -- 02 active, 03 in release, 05 released, 08 rejected
    coalesce(r.ReleaseIsNotCompleted, false) as is_release_incomplete,      -- somebody has still to release it
    coalesce(r.PurchasingCompletenessStatus, false) as is_on_hold,          -- somebody has still to complete it
    unpadded(r.Supplier) as supplier,                                       -- supplier, without leading zeros
    unpadded(r.InvoicingParty) as invoicing_party,                          -- who sends the invoice, where that is another
    r.PurchasingOrganization as purchasing_organization,                    -- purchasing organization
    nullif(r.PurchasingGroup, '') as purchasing_group,                      -- purchasing group
    r.PurchaseOrderDate as order_date,                                      -- date of the order
    r.DocumentCurrency as currency_code,                                    -- currency
    nullif(trim(r.ExchangeRate), '') as exchange_rate,                      -- exchange rate, as it is written there
    nullif(r.PaymentTerms, '') as payment_terms,                            -- payment terms
    nullif(r.Language, '') as language,                                     -- language of its texts
    nullif(trim(r.CorrespncExternalReference), '') as external_reference,   -- your reference: of ours the business key
    nullif(trim(r.CorrespncInternalReference), '') as internal_reference,   -- our reference: where people put the job
    nullif(r.AddressName, '') as address_name,                              -- address of the supplier on the order: name
    nullif(trim(concat_ws(' ', r.AddressHouseNumber, r.AddressStreetName)), '') as address_street,    -- address: house number and street
    nullif(r.AddressCityName, '') as address_city,                          -- address: city
    nullif(r.AddressRegion, '') as address_state,                           -- address: region
    nullif(r.AddressPostalCode, '') as address_postal_code,                 -- address: postal code
    nullif(r.AddressCountry, '') as address_country,                        -- address: country code
    nullif(r.CreatedByUser, '') as created_by,                              -- user who created it
    r.CreationDate as creation_date,                                        -- created
    r.LastChangeDateTime as changed_at,                                     -- changed, UTC
    nullif(r.etag, '') as etag,                                             -- version for a change of it
    r.forgotten is not null as is_forgotten,                                -- a customer's data was deleted here: st-erp forget
    origin.*
from record

-- table: stg_sap_s4hana__purchase_order_items
-- One row per item of a purchase order; replaced as a whole with each newer version of the order.
select
    unpadded(parent_id) as purchase_order,                                  -- its order
    i.PurchaseOrderItem as item,                                   -- item number: 10, 20, ...
    nullif(i.PurchasingDocumentDeletionCode, '') as deletion_code,          -- L deleted, S blocked, null neither
    i.PurchaseOrderItemText as description,                                 -- text
    nullif(i.Plant, '') as plant,                                           -- plant
    nullif(i.StorageLocation, '') as storage_location,                      -- storage location
    nullif(i.MaterialGroup, '') as material_group,                          -- material group
    unpadded(i.Material) as material,                                       -- material, without leading zeros; null for a text
    nullif(i.SupplierMaterialNumber, '') as vendor_part_number,             -- the supplier's number of it
    i.OrderQuantity as quantity,                                            -- ordered, in the order unit
    i.PurchaseOrderQuantityUnit as unit,                                    -- order unit
    i.NetPriceAmount as net_price_amount,                                   -- price of net_price_quantity price units
    i.NetPriceQuantity as net_price_quantity,                               -- for how many price units the price is
    i.OrderPriceUnit as price_unit,                                         -- price unit
    i.OrderPriceUnitToOrderUnitNmrtr as price_unit_numerator,               -- price units are order units times this
    i.OrdPriceUnitToOrderUnitDnmntr as price_unit_denominator,              -- by this
    i.DocumentCurrency as currency_code,                                    -- currency
    nullif(i.TaxCode, '') as tax_code,                                      -- tax code
    nullif(i.PurchaseOrderItemCategory, '') as item_category,               -- item category: blank is standard
    nullif(i.AccountAssignmentCategory, '') as account_assignment_category, -- K cost centre, null for stock
    coalesce(i.IsCompletelyDelivered, false) as is_completely_delivered,    -- nothing more is delivered
    coalesce(i.IsFinallyInvoiced, false) as is_finally_invoiced,            -- nothing more is invoiced
    i.GoodsReceiptIsExpected as is_goods_receipt_expected,                  -- goods receipts are posted there
    i.InvoiceIsExpected as is_invoice_expected,                             -- an invoice is expected
    i.InvoiceIsGoodsReceiptBased as is_invoice_receipt_based,               -- invoices refer to goods receipts
    coalesce(i.IsReturnsItem, false) as is_return,                          -- goes back to the supplier
    coalesce(i.PurchasingItemIsFreeOfCharge, false) as is_free_of_charge,   -- costs nothing
    unpadded(i.PurchaseRequisition) as purchase_requisition,                -- requisition it was made of
    try_cast(unpadded(i.PurchaseRequisitionItem) as integer) as purchase_requisition_item,    -- and the item of it
    nullif(i.RequisitionerName, '') as requisitioner,                       -- who asked for it
    nullif(i.DeliveryAddressName, '') as delivery_name,                     -- where to: name
    nullif(trim(concat_ws(' ', i.DeliveryAddressHouseNumber, i.DeliveryAddressStreetName)), '') as delivery_street,    -- where to: house number and street
    nullif(i.DeliveryAddressCityName, '') as delivery_city,                 -- where to: city
    nullif(i.DeliveryAddressRegion, '') as delivery_state,                  -- where to: region
    nullif(i.DeliveryAddressPostalCode, '') as delivery_postal_code,        -- where to: postal code
    nullif(i.DeliveryAddressCountry, '') as delivery_country,               -- where to: country code
    (select min(each.ScheduleLineDeliveryDate) from (select unnest(i.to_ScheduleLine) as each)) as delivery_date,    -- earliest date of its schedule lines
    origin.*
from (select r.PurchaseOrder as parent_id, origin, unnest(r.to_PurchaseOrderItem) as i from record)

-- table: stg_sap_s4hana__purchase_order_account_assignments
-- One row per account assignment of an item: it may have several.
select
    unpadded(parent_id) as purchase_order,                                  -- its order
    parent_item as item,                                                    -- its item
    a.AccountAssignmentNumber as assignment,                       -- number, from 1
    coalesce(a.IsDeleted, false) as is_deleted,                             -- deleted
    a.Quantity as quantity,                                                 -- its part of the quantity
    a.MultipleAcctAssgmtDistrPercent as percent,                            -- its part in percent
    a.PurgDocNetAmount as net_amount,                                       -- its part of the net amount
    unpadded(a.GLAccount) as gl_account,                                    -- G/L account, without leading zeros
    unpadded(a.CostCenter) as cost_center,                                  -- cost centre, without leading zeros
    nullif(a.ControllingArea, '') as controlling_area,                      -- controlling area
    unpadded(a.OrderID) as internal_order,                                  -- internal order
    unpadded(a.ProfitCenter) as profit_center,                              -- profit center
    unpadded(a.WBSElement) as wbs_element,                                  -- project element
    origin.*
from (
    select parent_id, origin, i.PurchaseOrderItem as parent_item, unnest(i.to_AccountAssignment) as a
    from (select r.PurchaseOrder as parent_id, origin, unnest(r.to_PurchaseOrderItem) as i from record)
)

-- table: stg_sap_s4hana__purchase_order_schedule_lines
-- One row per schedule line of an item: what is wanted when.
select
    unpadded(parent_id) as purchase_order,                                  -- its order
    parent_item as item,                                                    -- its item
    l.ScheduleLine as schedule_line,                               -- number, from 1
    l.ScheduleLineDeliveryDate as delivery_date,                            -- wanted on
    l.ScheduleLineOrderQuantity as quantity,                                -- how many
    origin.*
from (
    select parent_id, origin, i.PurchaseOrderItem as parent_item, unnest(i.to_ScheduleLine) as l
    from (select r.PurchaseOrder as parent_id, origin, unnest(r.to_PurchaseOrderItem) as i from record)
)
