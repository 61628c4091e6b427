-- kind: customer_payment
-- Open (unposted) lines of cash receipt journals (API v2.0 customerPayments). A payment has a negative amount.

/* structure
{
  "id": "VARCHAR", "journalId": "VARCHAR", "customerNumber": "VARCHAR", "postingDate": "DATE", "documentNumber": "VARCHAR",
  "externalDocumentNumber": "VARCHAR", "amount": "DECIMAL(18,4)"
}
*/

/* personal
{"whose": "erp_customer", "owner": "customerNumber", "members": []}
*/

-- table: stg_business_central__customer_payments
-- One row per open journal line; posted lines are gone from the list, and from here with the next snapshot.
select
    r.id as line_id,                                          -- guid
    r.journalId as journal_id,                                -- its batch
    r.customerNumber as customer_number,                      -- customer
    dated(r.postingDate) as posting_date,                     -- posting date
    r.documentNumber as document_number,                      -- our key for payments
    r.externalDocumentNumber as external_document_number,     -- external document number
    r.amount as amount,                                       -- negative for a payment
    origin.*
from record
