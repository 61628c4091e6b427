-- kind: customer, windowed
-- ServiceTitan customers (OpenAPI crm-v2, CustomerResponse). A merged one comes back inactive with `mergedToId`.

/* structure
{
  "id": "BIGINT", "name": "VARCHAR", "type": "VARCHAR", "active": "BOOLEAN", "taxExempt": "BOOLEAN",
  "paymentTermId": "BIGINT", "mergedToId": "BIGINT", "createdOn": "TIMESTAMPTZ", "forgotten": "VARCHAR",
  "address": {"street": "VARCHAR", "unit": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR", "zip": "VARCHAR", "country": "VARCHAR"}
}
*/

/* personal
{"whose": "customer", "owner": "id", "members": ["name", "address"]}
*/

-- hash
{
    'name': r.name, 'type': r.type, 'address': r.address, 'merged_to': r.mergedToId, 'term': r.paymentTermId,
    'active': r.active
}

-- table: stg_servicetitan__customers
-- One row per ServiceTitan customer, its newest version.
select
    r.id as customer_id,                   -- ServiceTitan's id of the customer
    r.name as name,                        -- name
    r.type as type,                        -- Residential or Commercial
    r.address.street as street,            -- billing address: street
    r.address.unit as unit,                -- billing address: unit
    r.address.city as city,                -- billing address: city
    r.address.state as state,              -- billing address: state
    r.address.zip as zip,                  -- billing address: postal code
    r.address.country as country,          -- billing address: country
    r.paymentTermId as payment_term_id,    -- payment term
    r.mergedToId as merged_to_id,          -- the customer it was merged into
    r.active as is_active,                 -- false once deactivated or merged
    r.taxExempt as is_tax_exempt,          -- pays no sales tax
    r.forgotten is not null as is_forgotten,    -- its personal data was deleted here: st-erp forget
    r.createdOn as created_at,             -- created
    origin.*
from record
