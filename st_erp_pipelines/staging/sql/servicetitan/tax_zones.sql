-- kind: tax_zone
-- ServiceTitan tax zones (OpenAPI accounting-v2).

/* structure
{"id": "BIGINT", "name": "VARCHAR", "active": "BOOLEAN", "rates": [{"taxRate": "DECIMAL(18,7)"}]}
*/

-- table: stg_servicetitan__tax_zones
-- One row per tax zone.
select
    r.id as tax_zone_id,        -- ServiceTitan's id of the tax zone
    r.name as name,             -- name
    list_sum(list_transform(r.rates, lambda rate: rate.taxRate))::decimal(18, 7) as rate,    -- its rates added up, as given
    r.active as is_active,      -- in use
    origin.*
from record
