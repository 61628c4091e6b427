-- kind: sales_credit_memo, windowed
-- A/R credit memos (Service Layer CreditNotes). An amount is in the document's currency, but for what is open, which is in the company's.

/* structure
{
  "id": "VARCHAR", "businessKey": "VARCHAR", "DocNum": "BIGINT", "NumAtCard": "VARCHAR", "CardCode": "VARCHAR",
  "CardName": "VARCHAR", "DocDate": "VARCHAR", "TaxDate": "VARCHAR", "DocDueDate": "VARCHAR", "DocCurrency": "VARCHAR",
  "DocTotal": "DECIMAL(18,4)", "DocTotalFc": "DECIMAL(18,4)", "VatSum": "DECIMAL(18,4)", "PaidToDate": "DECIMAL(18,4)",
  "DocumentStatus": "VARCHAR", "CancelStatus": "VARCHAR",
  "DocumentLines": [{
    "LineNum": "INTEGER", "ItemDescription": "VARCHAR", "AccountCode": "VARCHAR", "LineTotal": "DECIMAL(18,4)",
    "TaxTotal": "DECIMAL(18,4)", "TaxCode": "VARCHAR", "VatGroup": "VARCHAR", "ProjectCode": "VARCHAR",
    "CostingCode": "VARCHAR", "CostingCode2": "VARCHAR", "CostingCode3": "VARCHAR", "CostingCode4": "VARCHAR",
    "CostingCode5": "VARCHAR"
  }]
}
*/

/* personal
{"whose": "erp_customer", "owner": "CardCode", "members": ["CardName", "DocumentLines.ItemDescription"]}
*/

-- table: stg_sap_business_one__sales_credit_memos
-- One row per credit memo; drafts are none.
select
    r.id as document_id,                                     -- DocEntry
    r.DocNum::varchar as number,                             -- document number
    coalesce(nullif(r.businessKey, ''), r.NumAtCard) as reference,    -- our business key; else the customer's reference
    company_day(r.TaxDate) as document_date,                 -- date of the document
    company_day(r.DocDate) as posting_date,                  -- posting date
    company_day(r.DocDueDate) as due_date,                   -- payable until
    r.CardCode as customer_number,                           -- customer
    r.CardName as customer_name,                             -- its name
    r.DocCurrency as currency_code,                          -- currency, as the company calls it
    coalesce(nullif(r.DocTotalFc, 0), r.DocTotal) as total_including_tax,    -- with tax
    r.VatSum as total_tax,                                   -- tax, in the company's currency
    r.DocTotal - r.PaidToDate as remaining_amount,           -- still open, in the company's currency
    r.DocumentStatus as status,                              -- bost_Open or bost_Close
    r.CancelStatus as cancel_status,                         -- csNo, csYes (was cancelled) or csCancellation (cancels one)
    origin.*
from record

-- table: stg_sap_business_one__sales_credit_memo_lines
-- One row per line; replaced as a whole with each newer version of the document.
select
    parent_id as document_id,                                -- its document
    line.LineNum as line_number,                             -- line number, from 0
    line.ItemDescription as description,                     -- text
    line.AccountCode as account_code,                        -- code of the account
    line.LineTotal as amount_excluding_tax,                  -- before tax
    line.LineTotal + line.TaxTotal as amount_including_tax,  -- with tax
    coalesce(line.TaxCode, line.VatGroup) as tax_code,       -- tax code
    line.ProjectCode as project_code,                        -- project
    line.CostingCode as rule1,                               -- distribution rule of dimension 1
    line.CostingCode2 as rule2,                              -- of dimension 2
    line.CostingCode3 as rule3,                              -- of dimension 3
    line.CostingCode4 as rule4,                              -- of dimension 4
    line.CostingCode5 as rule5,                              -- of dimension 5
    origin.*
from (select r.id as parent_id, origin, unnest(r.DocumentLines) as line from record)
