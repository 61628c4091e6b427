-- kind: payment, windowed
-- Incoming payments (Service Layer IncomingPayments). Nothing tells when one was changed, so those that are cancelled are
-- read with each window.

/* structure
{
  "id": "VARCHAR", "businessKey": "VARCHAR", "DocNum": "BIGINT", "DocType": "VARCHAR", "CardCode": "VARCHAR",
  "CardName": "VARCHAR", "DocDate": "VARCHAR", "TaxDate": "VARCHAR", "DocCurrency": "VARCHAR", "CashSum": "DECIMAL(18,4)",
  "TransferSum": "DECIMAL(18,4)", "TransferReference": "VARCHAR", "Remarks": "VARCHAR", "Cancelled": "VARCHAR",
  "PaymentChecks": [{"CheckSum": "DECIMAL(18,4)"}], "PaymentCreditCards": [{"CreditSum": "DECIMAL(18,4)"}],
  "PaymentInvoices": [{"DocEntry": "BIGINT", "InvoiceType": "VARCHAR", "SumApplied": "DECIMAL(18,4)"}]
}
*/

/* personal
{"whose": "erp_customer", "owner": "CardCode", "members": ["CardName"]}
*/

-- table: stg_sap_business_one__payments
-- One row per incoming payment.
select
    r.id as payment_id,                                      -- DocEntry
    r.DocNum::varchar as number,                             -- document number
    coalesce(nullif(r.businessKey, ''), r.TransferReference) as reference,    -- our business key
    company_day(r.DocDate) as posting_date,                  -- posting date
    company_day(r.TaxDate) as document_date,                 -- date of the payment
    r.CardCode as customer_number,                           -- customer
    r.CardName as customer_name,                             -- its name
    r.DocCurrency as currency_code,                          -- currency, as the company calls it
    coalesce(r.CashSum, 0) + coalesce(r.TransferSum, 0)
        + coalesce(list_sum(list_transform(r.PaymentChecks, lambda each: each.CheckSum)), 0)
        + coalesce(list_sum(list_transform(r.PaymentCreditCards, lambda each: each.CreditSum)), 0)
        as amount,                                           -- by all its means
    r.Cancelled is not distinct from 'tYES' as is_cancelled, -- and so settles nothing
    origin.*
from record

-- table: stg_sap_business_one__payment_applications
-- One row per document that a payment settles.
select
    parent_id as payment_id,                                 -- its payment
    applied.DocEntry as document_id,                         -- DocEntry of the document
    applied.InvoiceType as document_type,                    -- it_Invoice, it_CredItnote, ...
    applied.SumApplied as amount,                            -- how much of it
    origin.*
from (select r.id as parent_id, origin, unnest(r.PaymentInvoices) as applied from record)
