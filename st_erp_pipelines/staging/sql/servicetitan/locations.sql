-- kind: location, windowed
-- Service locations of customers (OpenAPI crm-v2, LocationResponse). A merged one comes back inactive with `mergedToId`.

/* structure
{
  "id": "BIGINT", "customerId": "BIGINT", "name": "VARCHAR", "active": "BOOLEAN", "taxExempt": "BOOLEAN",
  "taxZoneId": "BIGINT", "zoneId": "BIGINT", "mergedToId": "BIGINT", "createdOn": "TIMESTAMPTZ",
  "address": {"street": "VARCHAR", "unit": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR", "zip": "VARCHAR", "country": "VARCHAR"},
  "externalData": [{"key": "VARCHAR", "value": "VARCHAR"}]
}
*/

/* personal
{"whose": "customer", "owner": "customerId", "members": ["name", "address", "externalData"]}
*/

-- hash
{
    'customer': r.customerId, 'name': r.name, 'address': r.address, 'tax_zone': r.taxZoneId, 'exempt': r.taxExempt,
    'merged_to': r.mergedToId, 'active': r.active
}

-- table: stg_servicetitan__locations
-- One row per location of a customer, its newest version.
select
    r.id as location_id,                  -- ServiceTitan's id of the location
    r.customerId as customer_id,          -- its customer
    r.name as name,                       -- name
    r.address.street as street,           -- address: street
    r.address.unit as unit,               -- address: unit
    r.address.city as city,               -- address: city
    r.address.state as state,             -- address: state
    r.address.zip as zip,                 -- address: postal code
    r.address.country as country,         -- address: country
    r.taxZoneId as tax_zone_id,           -- tax zone
    r.zoneId as zone_id,                  -- dispatch zone
    r.taxExempt as is_tax_exempt,         -- pays no sales tax
    r.mergedToId as merged_to_id,         -- the location it was merged into
    r.externalData as external_data,      -- keys and values that our application stored; null without application_guid
    r.active as is_active,                -- false once deactivated or merged
    r.createdOn as created_at,            -- created
    origin.*
from record
