-- kind: purchase_order_type
-- Types of purchase orders (OpenAPI inventory-v2, PurchaseOrderTypeResponse).

/* structure
{
  "id": "BIGINT", "name": "VARCHAR", "active": "BOOLEAN", "automaticallyReceive": "BOOLEAN",
  "displayToTechnician": "BOOLEAN", "allowTechniciansToSendPo": "BOOLEAN", "defaultRequiredDateDaysOffset": "INTEGER",
  "skipWeekends": "BOOLEAN", "excludeTaxFromJobCosting": "BOOLEAN"
}
*/

-- table: stg_servicetitan__purchase_order_types
-- One row per type of purchase orders.
select
    r.id as purchase_order_type_id,                          -- ServiceTitan's id of the type
    r.name as name,                                          -- name
    r.automaticallyReceive as is_automatically_received,     -- ServiceTitan receives such orders by itself
    r.displayToTechnician as is_shown_to_technicians,        -- technicians see it
    r.allowTechniciansToSendPo as is_sent_by_technicians,    -- technicians may send and receive such orders
    r.defaultRequiredDateDaysOffset as required_after_days,  -- wanted so many days after the order
    r.skipWeekends as is_without_weekends,                   -- of which weekends are none
    r.excludeTaxFromJobCosting as is_tax_kept_from_jobs,     -- its tax is no cost of jobs
    r.active as is_active,                                   -- in use
    origin.*
from record
