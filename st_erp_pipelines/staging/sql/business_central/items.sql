-- kind: item
-- Items (API v2.0 items).

/* structure
{
  "id": "VARCHAR", "number": "VARCHAR", "displayName": "VARCHAR", "type": "VARCHAR", "blocked": "BOOLEAN",
  "baseUnitOfMeasureCode": "VARCHAR"
}
*/

-- table: stg_business_central__items
-- One row per item.
select
    r.id as item_id,                                      -- guid
    r.number as number,                                   -- item number
    r.displayName as display_name,                        -- name
    decoded(r.type) as type,                              -- Inventory, Service or Non-Inventory
    r.blocked as is_blocked,                              -- blocked
    r.baseUnitOfMeasureCode as unit_of_measure_code,      -- base unit of measure
    origin.*
from record
