-- kind: tax_area
-- Tax areas (API v2.0 taxAreas).

/* structure
{"id": "VARCHAR", "code": "VARCHAR", "displayName": "VARCHAR"}
*/

-- table: stg_business_central__tax_areas
-- One row per tax area.
select
    r.id as id,                       -- guid
    r.code as code,                   -- code
    r.displayName as display_name,    -- name
    origin.*
from record
