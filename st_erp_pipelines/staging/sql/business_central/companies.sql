-- kind: company
-- Companies of the environment. The list has neither etag nor lastModifiedDateTime.

/* structure
{"id": "VARCHAR", "name": "VARCHAR"}
*/

-- table: stg_business_central__companies
-- One row per company.
select
    r.id as company_id,    -- guid
    r.name as name,        -- name
    origin.*
from record
