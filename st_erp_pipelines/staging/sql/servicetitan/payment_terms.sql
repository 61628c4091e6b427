-- kind: payment_term
-- ServiceTitan payment terms (OpenAPI accounting-v2). Invoices name them by `termName` only.

/* structure
{"id": "BIGINT", "name": "VARCHAR", "dueDayType": "VARCHAR", "dueDay": "INTEGER", "active": "BOOLEAN"}
*/

-- table: stg_servicetitan__payment_terms
-- One row per payment term.
select
    r.id as payment_term_id,        -- ServiceTitan's id of the payment term
    r.name as name,                 -- name, as invoices carry it
    r.dueDayType as due_day_type,   -- how due_day counts
    r.dueDay as due_day,            -- days, or day of the month
    r.active as is_active,          -- in use
    origin.*
from record
