-- kind: payment_type
-- ServiceTitan payment types (OpenAPI accounting-v2).

/* structure
{"id": "BIGINT", "name": "VARCHAR"}
*/

-- table: stg_servicetitan__payment_types
-- One row per payment type.
select
    r.id as payment_type_id,    -- ServiceTitan's id of the payment type
    r.name as name,             -- name, e.g. Check
    origin.*
from record
