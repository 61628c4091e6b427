-- kind: credit_card
-- Credit cards that payments may be made by (Service Layer CreditCards).

/* structure
{"id": "VARCHAR", "CreditCardName": "VARCHAR", "GLAccount": "VARCHAR"}
*/

-- table: stg_sap_business_one__credit_cards
-- One row per card.
select
    r.id as code,                          -- number
    r.CreditCardName as display_name,      -- name
    r.GLAccount as account_code,           -- what payments by it are debited to
    origin.*
from record
