-- kind: outgoing_payment, windowed
-- What was paid back to customers (Service Layer VendorPayments), entered by people. Read like incoming payments.

/* structure
{
  "id": "VARCHAR", "DocNum": "BIGINT", "CardCode": "VARCHAR", "CardName": "VARCHAR", "DocDate": "VARCHAR",
  "DocCurrency": "VARCHAR", "CashSum": "DECIMAL(18,4)", "TransferSum": "DECIMAL(18,4)", "TransferReference": "VARCHAR",
  "Remarks": "VARCHAR", "Cancelled": "VARCHAR", "PaymentChecks": [{"CheckSum": "DECIMAL(18,4)"}],
  "PaymentCreditCards": [{"CreditSum": "DECIMAL(18,4)"}]
}
*/

/* personal
{"whose": "erp_customer", "owner": "CardCode", "members": ["CardName", "Remarks"]}
*/

-- table: stg_sap_business_one__outgoing_payments
-- One row per outgoing payment to a customer.
select
    r.id as payment_id,                                      -- DocEntry
    r.DocNum::varchar as number,                             -- document number
    r.Remarks as remarks,                                    -- what was typed, with the key that the list to do proposes
    r.TransferReference as transfer_reference,               -- reference of the bank transfer
    company_day(r.DocDate) as posting_date,                  -- posting date
    r.CardCode as customer_number,                           -- customer
    r.CardName as customer_name,                             -- its name
    r.DocCurrency as currency_code,                          -- currency, as the company calls it
    coalesce(r.CashSum, 0) + coalesce(r.TransferSum, 0)
        + coalesce(list_sum(list_transform(r.PaymentChecks, lambda each: each.CheckSum)), 0)
        + coalesce(list_sum(list_transform(r.PaymentCreditCards, lambda each: each.CreditSum)), 0)
        as amount,                                           -- by all its means
    r.Cancelled is not distinct from 'tYES' as is_cancelled, -- and so gives nothing back
    origin.*
from record
