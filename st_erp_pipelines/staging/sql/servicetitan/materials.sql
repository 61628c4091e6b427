-- kind: material, windowed
-- Materials of the pricebook (OpenAPI pricebook-v2, MaterialResponse). Live tenants demand exactly one primary vendor.

/* structure
{
  "id": "BIGINT", "code": "VARCHAR", "displayName": "VARCHAR", "description": "VARCHAR", "cost": "DECIMAL(28,7)",
  "price": "DECIMAL(28,7)", "memberPrice": "DECIMAL(28,7)", "addOnPrice": "DECIMAL(28,7)", "addOnMemberPrice": "DECIMAL(28,7)",
  "hours": "DECIMAL(18,4)", "unitOfMeasure": "VARCHAR", "isInventory": "BOOLEAN", "taxable": "BOOLEAN", "account": "VARCHAR",
  "costOfSaleAccount": "VARCHAR", "assetAccount": "VARCHAR", "isOtherDirectCost": "BOOLEAN", "costTypeId": "BIGINT",
  "isCostLocked": "BOOLEAN", "isPriceLocked": "BOOLEAN", "businessUnitId": "BIGINT", "source": "VARCHAR",
  "externalId": "VARCHAR", "active": "BOOLEAN", "createdOn": "TIMESTAMPTZ",
  "primaryVendor": {"vendorId": "BIGINT", "vendorName": "VARCHAR", "vendorPart": "VARCHAR", "cost": "DECIMAL(28,7)"},
  "otherVendors": [{"vendorId": "BIGINT"}],
  "categories": ["BIGINT"],
  "externalData": [{"key": "VARCHAR", "value": "VARCHAR"}]
}
*/

-- table: stg_servicetitan__materials
-- One row per material of ServiceTitan's pricebook, its newest version.
select
    r.id as material_id,                              -- ServiceTitan's id of the material
    r.code as code,                                   -- code
    r.displayName as display_name,                    -- name
    plain(r.description) as description,              -- text without markup
    r.unitOfMeasure as unit_of_measure,               -- unit of measure
    r.cost as unit_cost,                              -- cost of one
    r.price as price,                                 -- price of one
    r.memberPrice as member_price,                    -- price for members
    r.addOnPrice as add_on_price,                     -- price as an add-on
    r.addOnMemberPrice as add_on_member_price,        -- price as an add-on for members
    r.hours as hours,                                 -- hours it takes to install
    r.taxable as is_taxable,                          -- taxable
    r.isInventory as is_inventory,                    -- kept in stock
    r.isCostLocked as is_cost_locked,                 -- its cost is not to be changed by others
    r.isPriceLocked as is_price_locked,               -- its price is not to be changed by others
    r.account as account_name,                        -- revenue account, by name
    r.costOfSaleAccount as cost_of_sale_account_name, -- cost of sale account, by name
    r.assetAccount as asset_account_name,             -- asset account, by name
    r.isOtherDirectCost as is_other_direct_cost,       -- other direct cost
    r.costTypeId as cost_type_id,                     -- cost type
    r.businessUnitId as business_unit_id,             -- business unit
    r.primaryVendor.vendorId as primary_vendor_id,    -- primary vendor
    r.primaryVendor.vendorName as primary_vendor_name,    -- its name
    r.primaryVendor.vendorPart as primary_vendor_part,    -- its number of the part
    r.primaryVendor.cost as primary_vendor_cost,      -- what it takes for one
    list_transform(r.otherVendors, lambda v: v.vendorId) as other_vendor_ids,    -- vendors beside the primary one
    r.categories as category_ids,                     -- categories
    r.source as source,                               -- catalog that it came from
    r.externalId as external_id,                      -- its id there
    r.externalData as external_data,                  -- keys and values that our application stored; null without application_guid
    r.active as is_active,                            -- false once deactivated
    r.createdOn as created_at,                        -- created
    origin.*
from record
