-- kind: payment_term
-- Payment terms (Service Layer PaymentTermsTypes).

/* structure
{"id": "VARCHAR", "PaymentTermsGroupName": "VARCHAR"}
*/

-- table: stg_sap_business_one__payment_terms
-- One row per payment term.
select
    r.id as group_number,                  -- number
    r.PaymentTermsGroupName as code,       -- name, by which mapping tables call it
    origin.*
from record
