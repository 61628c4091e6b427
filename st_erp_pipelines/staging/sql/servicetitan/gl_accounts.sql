-- kind: gl_account
-- ServiceTitan's chart of accounts (OpenAPI accounting-v2).

/* structure
{"id": "BIGINT", "number": "VARCHAR", "name": "VARCHAR", "type": "VARCHAR", "active": "BOOLEAN"}
*/

-- table: stg_servicetitan__gl_accounts
-- One row per general ledger account in ServiceTitan.
select
    r.id as gl_account_id,    -- ServiceTitan's id of the account
    r.number as number,       -- account number
    r.name as name,           -- name
    r.type as type,           -- type, e.g. Income
    r.active as is_active,    -- in use
    origin.*
from record
