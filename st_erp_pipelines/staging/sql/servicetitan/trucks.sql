-- kind: truck
-- Trucks (OpenAPI inventory-v2, TruckResponse): places that orders are delivered to.

/* structure
{
  "id": "BIGINT", "name": "VARCHAR", "active": "BOOLEAN", "memo": "VARCHAR", "warehouseId": "BIGINT", "technicianIds": ["BIGINT"]
}
*/

-- table: stg_servicetitan__trucks
-- One row per truck.
select
    r.id as truck_id,                        -- ServiceTitan's id of the truck, an inventory location
    r.name as name,                          -- name
    plain(r.memo) as memo,                   -- memo without markup
    r.warehouseId as warehouse_id,           -- where it is filled
    r.technicianIds as technician_ids,       -- who drives it
    r.active as is_active,                   -- in use
    origin.*
from record
