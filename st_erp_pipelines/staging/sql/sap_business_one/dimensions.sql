-- kind: dimension
-- Dimensions of cost accounting (Service Layer Dimensions).

/* structure
{"id": "VARCHAR", "DimensionName": "VARCHAR", "DimensionDescription": "VARCHAR", "IsActive": "VARCHAR"}
*/

-- table: stg_sap_business_one__dimensions
-- One row per dimension.
select
    r.id as code,                                                             -- 1 to 5
    coalesce(r.DimensionDescription, r.DimensionName) as display_name,        -- name
    r.IsActive is not distinct from 'tYES' as is_active,                      -- in use
    origin.*
from record
