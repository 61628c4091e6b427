-- kind: dimension
-- Dimensions (API v2.0 dimensions, read only).

/* structure
{"id": "VARCHAR", "code": "VARCHAR", "displayName": "VARCHAR"}
*/

-- table: stg_business_central__dimensions
-- One row per dimension.
select
    r.id as dimension_id,             -- guid
    r.code as code,                   -- code
    r.displayName as display_name,    -- name
    origin.*
from record

-- after
update staging.stg_business_central__dimension_values as value
set dimension_code = dimension.code
from staging.stg_business_central__dimensions as dimension
where value.dimension_id = dimension.dimension_id and value.dimension_code is distinct from dimension.code
