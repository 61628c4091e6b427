-- kind: general_ledger_setup
-- General ledger setup (API v2.0 generalLedgerSetup): one row per company. A blank date is 0001-01-01 on the wire.

/* structure
{
  "id": "VARCHAR", "allowPostingFrom": "DATE", "allowPostingTo": "DATE", "localCurrencyCode": "VARCHAR",
  "shortcutDimension1Code": "VARCHAR", "shortcutDimension2Code": "VARCHAR"
}
*/

-- table: stg_business_central__general_ledger_setup
-- The company's posting period, currency and global dimensions.
select
    r.id as setup_id,                                       -- guid
    dated(r.allowPostingFrom) as allow_posting_from,        -- first open day; null: no limit
    dated(r.allowPostingTo) as allow_posting_to,            -- last open day; null: no limit
    r.localCurrencyCode as local_currency_code,             -- local currency
    r.shortcutDimension1Code as shortcut_dimension1_code,   -- global dimension 1
    r.shortcutDimension2Code as shortcut_dimension2_code,   -- global dimension 2
    origin.*
from record
