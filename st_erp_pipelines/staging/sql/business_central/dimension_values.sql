-- kind: dimension_value
-- Values of all dimensions (API v2.0 dimensionValues, read only).

/* structure
{"id": "VARCHAR", "dimensionId": "VARCHAR", "code": "VARCHAR", "displayName": "VARCHAR"}
*/

-- table: stg_business_central__dimension_values
-- One row per dimension value.
select
    r.id as dimension_value_id,         -- guid
    r.dimensionId as dimension_id,      -- its dimension
    null::varchar as dimension_code,    -- the code of its dimension, from stg_business_central__dimensions
    r.code as code,                     -- code
    r.displayName as display_name,      -- name
    origin.*
from record

-- after
update staging.stg_business_central__dimension_values as value
set dimension_code = dimension.code
from staging.stg_business_central__dimensions as dimension
where value.dimension_id = dimension.dimension_id and value.dimension_code is distinct from dimension.code
