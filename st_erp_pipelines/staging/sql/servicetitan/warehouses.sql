-- kind: warehouse
-- Warehouses (OpenAPI inventory-v2, WarehouseResponse): places that orders are delivered to.

/* structure
{
  "id": "BIGINT", "name": "VARCHAR", "active": "BOOLEAN",
  "address": {"street": "VARCHAR", "unit": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR", "zip": "VARCHAR", "country": "VARCHAR"}
}
*/

-- table: stg_servicetitan__warehouses
-- One row per warehouse.
select
    r.id as warehouse_id,                    -- ServiceTitan's id of the warehouse, an inventory location
    r.name as name,                          -- name
    r.address.street as street,              -- address: street
    r.address.unit as unit,                  -- address: unit
    r.address.city as city,                  -- address: city
    r.address.state as state,                -- address: state
    r.address.zip as zip,                    -- address: postal code
    r.address.country as country,            -- address: country
    r.active as is_active,                   -- in use
    origin.*
from record
