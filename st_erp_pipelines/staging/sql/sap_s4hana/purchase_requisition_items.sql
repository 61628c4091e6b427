-- kind: purchase_requisition_item, windowed
-- Items of purchase requisitions (API_PURCHASEREQ_PROCESS_SRV, A_PurchaseRequisitionItem). What a header says, each item says, too.

/* structure
{
  "id": "VARCHAR", "PurchaseRequisition": "VARCHAR", "PurchaseRequisitionItem": "INTEGER", "PurchasingDocument": "VARCHAR",
  "PurchasingDocumentItem": "VARCHAR", "PurReqnReleaseStatus": "VARCHAR", "PurchaseRequisitionType": "VARCHAR",
  "ProcessingStatus": "VARCHAR", "ReleaseIsNotCompleted": "BOOLEAN", "IsPurReqnBlocked": "VARCHAR",
  "PurchaseRequisitionItemText": "VARCHAR", "AccountAssignmentCategory": "VARCHAR", "Material": "VARCHAR",
  "MaterialGroup": "VARCHAR", "RequestedQuantity": "DECIMAL(28,7)", "OrderedQuantity": "DECIMAL(28,7)",
  "BaseUnit": "VARCHAR", "PurchaseRequisitionPrice": "DECIMAL(18,4)", "PurReqnPriceQuantity": "DECIMAL(18,4)",
  "PurReqnItemCurrency": "VARCHAR", "PurchasingOrganization": "VARCHAR", "PurchasingGroup": "VARCHAR", "Plant": "VARCHAR",
  "StorageLocation": "VARCHAR", "CompanyCode": "VARCHAR", "DeliveryDate": "DATE", "Supplier": "VARCHAR",
  "FixedSupplier": "VARCHAR", "SupplierMaterialNumber": "VARCHAR", "RequisitionerName": "VARCHAR", "TaxCode": "VARCHAR",
  "RequirementTracking": "VARCHAR", "IsDeleted": "VARCHAR", "IsClosed": "BOOLEAN", "CreationDate": "DATE",
  "CreatedByUser": "VARCHAR", "LastChangeDateTime": "TIMESTAMPTZ", "PurReqnExternalReference": "VARCHAR",
  "PurReqnItemExternalReference": "VARCHAR", "PurReqnExternalSystemId": "VARCHAR", "etag": "VARCHAR",
  "to_PurchaseReqnAcctAssgmt": [{
    "PurchaseReqnAcctAssgmtNumber": "INTEGER", "IsDeleted": "VARCHAR", "Quantity": "DECIMAL(28,7)",
    "MultipleAcctAssgmtDistrPercent": "DECIMAL(18,4)", "PurReqnNetAmount": "DECIMAL(18,4)", "CostCenter": "VARCHAR",
    "ControllingArea": "VARCHAR", "GLAccount": "VARCHAR", "OrderID": "VARCHAR", "WBSElement": "VARCHAR"
  }]
}
*/

-- hash
-- What a buyer would call an edit. Release is none; that it became an order or was closed or deleted is.
{
    'order': [unpadded(r.PurchasingDocument), unpadded(r.PurchasingDocumentItem)], 'text': r.PurchaseRequisitionItemText,
    'material': unpadded(r.Material), 'quantity': r.RequestedQuantity, 'unit': r.BaseUnit,
    'price': [r.PurchaseRequisitionPrice, r.PurReqnPriceQuantity], 'currency': r.PurReqnItemCurrency, 'plant': r.Plant,
    'storage': r.StorageLocation, 'wanted': r.DeliveryDate, 'suppliers': [unpadded(r.Supplier), unpadded(r.FixedSupplier)],
    'part': r.SupplierMaterialNumber, 'deleted': r.IsDeleted, 'closed': r.IsClosed, 'blocked': r.IsPurReqnBlocked,
    'external': [r.PurReqnExternalReference, r.PurReqnItemExternalReference],
    'accounts': list_sort(r.to_PurchaseReqnAcctAssgmt)
}

-- table: stg_sap_s4hana__purchase_requisition_items
-- One row per item of a purchase requisition, its newest version.
select
    unpadded(r.PurchaseRequisition) as purchase_requisition,                -- its requisition, without leading zeros
    r.PurchaseRequisitionItem as item,                             -- item number: 10, 20, ...
    nullif(r.PurchaseRequisitionType, '') as requisition_type,              -- type: NB is a standard requisition
    unpadded(r.PurchasingDocument) as purchase_order,                       -- the order it became; null until then
    try_cast(unpadded(r.PurchasingDocumentItem) as integer) as purchase_order_item,     -- and the item of it
    nullif(r.PurReqnReleaseStatus, '') as release_status,                   -- 05 released; 02 active, 03 in release, 08 rejected
    nullif(r.ProcessingStatus, '') as processing_status,                    -- N not edited, B ordered, A request for quotation, ...
    coalesce(r.ReleaseIsNotCompleted, false) as is_release_incomplete,      -- somebody has still to release it
    coalesce(nullif(r.IsPurReqnBlocked, ''), '0') <> '0' as is_blocked,     -- blocked
    flagged(r.IsDeleted) as is_deleted,                                     -- deleted
    coalesce(r.IsClosed, false) as is_closed,                               -- nothing more is ordered of it
    r.PurchaseRequisitionItemText as description,                           -- text
    nullif(r.AccountAssignmentCategory, '') as account_assignment_category, -- K cost centre, null for stock
    unpadded(r.Material) as material,                                       -- material, without leading zeros; null for a text
    nullif(r.MaterialGroup, '') as material_group,                          -- material group
    r.RequestedQuantity as quantity,                                        -- wanted
    r.OrderedQuantity as ordered_quantity,                                  -- ordered so far
    r.BaseUnit as unit,                                                     -- unit
    r.PurchaseRequisitionPrice as price_amount,                             -- price of price_quantity units
    r.PurReqnPriceQuantity as price_quantity,                               -- for how many units the price is
    nullif(r.PurReqnItemCurrency, '') as currency_code,                     -- currency
    nullif(r.TaxCode, '') as tax_code,                                      -- tax code
    nullif(r.PurchasingOrganization, '') as purchasing_organization,        -- purchasing organization
    nullif(r.PurchasingGroup, '') as purchasing_group,                      -- purchasing group
    nullif(r.Plant, '') as plant,                                           -- plant
    nullif(r.StorageLocation, '') as storage_location,                      -- storage location
    r.CompanyCode as company_code,                                          -- company code
    r.DeliveryDate as delivery_date,                                        -- wanted on
    unpadded(r.Supplier) as desired_supplier,                               -- supplier that was proposed
    unpadded(r.FixedSupplier) as fixed_supplier,                            -- supplier that was decided on
    coalesce(unpadded(r.FixedSupplier), unpadded(r.Supplier)) as supplier,  -- the decided one, else the proposed
    nullif(r.SupplierMaterialNumber, '') as vendor_part_number,             -- the supplier's number of it
    nullif(r.RequisitionerName, '') as requisitioner,                       -- who asked for it
    nullif(trim(r.RequirementTracking), '') as tracking_number,             -- requirement tracking number
    nullif(trim(r.PurReqnExternalReference), '') as external_reference,     -- of ours the business key
    nullif(trim(r.PurReqnItemExternalReference), '') as external_item_reference,    -- of ours the line
    nullif(trim(r.PurReqnExternalSystemId), '') as external_system,         -- where it comes from
    nullif(r.CreatedByUser, '') as created_by,                              -- user who created it
    r.CreationDate as creation_date,                                        -- created
    r.LastChangeDateTime as changed_at,                                     -- changed, UTC
    nullif(r.etag, '') as etag,                                             -- version for a change of it
    origin.*
from record

-- table: stg_sap_s4hana__purchase_requisition_account_assignments
-- One row per account assignment of an item.
select
    unpadded(parent_id) as purchase_requisition,                            -- its requisition
    parent_item as item,                                                    -- its item
    a.PurchaseReqnAcctAssgmtNumber as assignment,                  -- number, from 1
    flagged(a.IsDeleted) as is_deleted,                                     -- deleted
    a.Quantity as quantity,                                                 -- its part of the quantity
    a.MultipleAcctAssgmtDistrPercent as percent,                            -- its part in percent
    a.PurReqnNetAmount as net_amount,                                       -- its part of the net amount
    unpadded(a.GLAccount) as gl_account,                                    -- G/L account, without leading zeros
    unpadded(a.CostCenter) as cost_center,                                  -- cost centre, without leading zeros
    nullif(a.ControllingArea, '') as controlling_area,                      -- controlling area
    unpadded(a.OrderID) as internal_order,                                  -- internal order
    unpadded(a.WBSElement) as wbs_element,                                  -- project element
    origin.*
from (
    select
        r.PurchaseRequisition as parent_id, r.PurchaseRequisitionItem as parent_item, origin,
        unnest(r.to_PurchaseReqnAcctAssgmt) as a
    from record
)
