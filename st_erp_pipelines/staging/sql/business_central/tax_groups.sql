-- kind: tax_group
-- Tax groups (API v2.0 taxGroups).

/* structure
{"id": "VARCHAR", "code": "VARCHAR", "displayName": "VARCHAR"}
*/

-- table: stg_business_central__tax_groups
-- One row per tax group.
select
    r.id as id,                       -- guid
    r.code as code,                   -- code
    r.displayName as display_name,    -- name
    origin.*
from record
