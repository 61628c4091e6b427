-- kind: general_ledger_entry, windowed
-- Posted general ledger entries (API v2.0 generalLedgerEntries, read only). They carry no external document number.

/* structure
{
  "id": "VARCHAR", "entryNumber": "BIGINT", "postingDate": "DATE", "documentNumber": "VARCHAR", "documentType": "VARCHAR",
  "accountNumber": "VARCHAR", "description": "VARCHAR", "debitAmount": "DECIMAL(18,4)", "creditAmount": "DECIMAL(18,4)"
}
*/

/* personal
{"whose": "erp_document", "owner": "documentNumber", "members": ["description"]}
*/

-- table: stg_business_central__general_ledger_entries
-- One row per posted general ledger entry.
select
    r.id as entry_id,                            -- guid
    r.entryNumber as entry_number,               -- running number
    dated(r.postingDate) as posting_date,        -- posting date
    r.documentNumber as document_number,         -- number of the posted document
    decoded(r.documentType) as document_type,    -- Invoice, Credit Memo, Payment, ...
    r.accountNumber as account_number,           -- account
    r.description as description,                -- text
    r.debitAmount as debit_amount,               -- debit
    r.creditAmount as credit_amount,             -- credit
    origin.*
from record
