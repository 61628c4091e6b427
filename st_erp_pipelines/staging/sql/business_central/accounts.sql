-- kind: account
-- Chart of accounts (API v2.0 accounts, read only).

/* structure
{
  "id": "VARCHAR", "number": "VARCHAR", "displayName": "VARCHAR", "category": "VARCHAR", "accountType": "VARCHAR",
  "directPosting": "BOOLEAN", "blocked": "BOOLEAN"
}
*/

-- table: stg_business_central__accounts
-- One row per general ledger account.
select
    r.id as account_id,                      -- guid
    r.number as number,                      -- account number
    r.displayName as display_name,           -- name
    decoded(r.category) as category,         -- Assets, Income, ...
    decoded(r.accountType) as account_type,  -- Posting, Heading, Total, Begin-Total or End-Total; only Posting takes entries
    r.directPosting as is_direct_posting,    -- documents and journals may name it
    r.blocked as is_blocked,                 -- blocked
    origin.*
from record
