-- kind: service, windowed
-- Services of the pricebook (OpenAPI pricebook-v2, ServiceResponse). Here `categories` are objects, elsewhere ids.

/* structure
{
  "id": "BIGINT", "code": "VARCHAR", "displayName": "VARCHAR", "description": "VARCHAR", "price": "DECIMAL(28,7)",
  "memberPrice": "DECIMAL(28,7)", "addOnPrice": "DECIMAL(28,7)", "addOnMemberPrice": "DECIMAL(28,7)", "cost": "DECIMAL(28,7)",
  "taxable": "BOOLEAN", "account": "VARCHAR", "hours": "DECIMAL(18,4)", "isLabor": "BOOLEAN", "isPriceLocked": "BOOLEAN",
  "useStaticPrices": "BOOLEAN", "businessUnitId": "BIGINT", "source": "VARCHAR", "externalId": "VARCHAR",
  "active": "BOOLEAN", "createdOn": "TIMESTAMPTZ",
  "categories": [{"id": "BIGINT"}],
  "serviceMaterials": [{"skuId": "BIGINT", "quantity": "DECIMAL(28,7)"}],
  "serviceEquipment": [{"skuId": "BIGINT", "quantity": "DECIMAL(28,7)"}],
  "externalData": [{"key": "VARCHAR", "value": "VARCHAR"}]
}
*/

-- table: stg_servicetitan__services
-- One row per service of ServiceTitan's pricebook, its newest version.
select
    r.id as service_id,                              -- ServiceTitan's id of the service
    r.code as code,                                  -- code
    r.displayName as display_name,                   -- name
    plain(r.description) as description,             -- text without markup
    r.price as price,                                -- price
    r.memberPrice as member_price,                   -- price for members
    r.addOnPrice as add_on_price,                    -- price as an add-on
    r.addOnMemberPrice as add_on_member_price,       -- price as an add-on for members
    r.cost as unit_cost,                             -- cost
    r.hours as hours,                                -- hours it takes
    r.taxable as is_taxable,                         -- taxable
    r.isLabor as is_labor,                           -- is labor
    r.isPriceLocked as is_price_locked,              -- its price is not to be changed by others
    r.useStaticPrices as has_static_prices,          -- exempt from dynamic pricing
    r.account as account_name,                       -- revenue account, by name
    r.businessUnitId as business_unit_id,            -- business unit
    list_transform(r.categories, lambda c: c.id) as category_ids,    -- categories
    r.serviceMaterials as materials,                 -- materials linked to it: id and quantity
    r.serviceEquipment as equipment,                 -- equipment linked to it: id and quantity
    r.source as source,                              -- catalog that it came from
    r.externalId as external_id,                     -- its id there
    r.externalData as external_data,                 -- keys and values that our application stored; null without application_guid
    r.active as is_active,                           -- false once deactivated
    r.createdOn as created_at,                       -- created
    origin.*
from record
