-- kind: customer_payment_journal
-- Cash receipt journal batches (API v2.0 customerPaymentJournals).

/* structure
{"id": "VARCHAR", "code": "VARCHAR", "displayName": "VARCHAR", "balancingAccountNumber": "VARCHAR"}
*/

-- table: stg_business_central__customer_payment_journals
-- One row per batch that payments can be entered in.
select
    r.id as journal_id,                                       -- guid
    r.code as code,                                           -- batch name
    r.displayName as display_name,                            -- description
    r.balancingAccountNumber as balancing_account_number,     -- what payments are debited to
    origin.*
from record
