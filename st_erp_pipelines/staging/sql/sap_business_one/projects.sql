-- kind: project
-- Projects (Service Layer Projects).

/* structure
{"id": "VARCHAR", "Name": "VARCHAR", "Active": "VARCHAR"}
*/

-- table: stg_sap_business_one__projects
-- One row per project.
select
    r.id as code,                                            -- code
    r.Name as display_name,                                  -- name
    r.Active is distinct from 'tNO' as is_active,            -- in use
    origin.*
from record
