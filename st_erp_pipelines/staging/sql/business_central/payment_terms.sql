-- kind: payment_term
-- Payment terms (API v2.0 paymentTerms).

/* structure
{"id": "VARCHAR", "code": "VARCHAR", "displayName": "VARCHAR"}
*/

-- table: stg_business_central__payment_terms
-- One row per payment term.
select
    r.id as id,                       -- guid
    r.code as code,                   -- code
    r.displayName as display_name,    -- name
    origin.*
from record
