-- kind: sales_credit_memo, windowed
-- Sales credit memos with $expand=salesCreditMemoLines($expand=dimensionSetLines) (API v2.0 salesCreditMemos).
-- `Open` alone does not prove posting: a released draft says so too.

/* structure
{
  "id": "VARCHAR", "number": "VARCHAR", "externalDocumentNumber": "VARCHAR", "creditMemoDate": "DATE", "postingDate": "DATE",
  "dueDate": "DATE", "customerNumber": "VARCHAR", "customerName": "VARCHAR", "currencyCode": "VARCHAR",
  "totalAmountExcludingTax": "DECIMAL(18,4)", "totalTaxAmount": "DECIMAL(18,4)", "totalAmountIncludingTax": "DECIMAL(18,4)",
  "remainingAmount": "DECIMAL(18,4)", "status": "VARCHAR",
  "salesCreditMemoLines": [{
    "id": "VARCHAR", "sequence": "INTEGER", "lineType": "VARCHAR", "lineObjectNumber": "VARCHAR", "description": "VARCHAR",
    "quantity": "DECIMAL(28,7)", "unitPrice": "DECIMAL(28,7)", "amountExcludingTax": "DECIMAL(18,4)",
    "amountIncludingTax": "DECIMAL(18,4)", "netAmount": "DECIMAL(18,4)", "taxCode": "VARCHAR",
    "dimensionSetLines": [{"code": "VARCHAR", "valueCode": "VARCHAR"}]
  }]
}
*/

/* personal
{"whose": "erp_customer", "owner": "customerNumber", "members": ["customerName", "salesCreditMemoLines.description"]}
*/

-- table: stg_business_central__sales_credit_memos
-- One row per sales credit memo, draft or posted.
select
    r.id as document_id,                                     -- guid
    r.number as number,                                      -- document number, from the number series
    r.externalDocumentNumber as external_document_number,    -- our business key
    dated(r.creditMemoDate) as document_date,                -- date of the document
    dated(r.postingDate) as posting_date,                    -- posting date
    dated(r.dueDate) as due_date,                            -- payable until
    r.customerNumber as customer_number,                     -- customer
    r.customerName as customer_name,                         -- its name
    r.currencyCode as currency_code,                         -- currency; the local code for local currency
    r.totalAmountExcludingTax as total_excluding_tax,        -- before tax
    r.totalTaxAmount as total_tax,                           -- tax
    r.totalAmountIncludingTax as total_including_tax,        -- with tax
    r.remainingAmount as remaining_amount,                   -- still open
    decoded(r.status) as status,                             -- Draft, In Review, Open, Paid, Canceled or Corrective
    decoded(r.status) not in ('', 'Draft', 'In Review') as is_posted,    -- as far as the status tells
    origin.*
from record

-- table: stg_business_central__sales_credit_memo_lines
-- One row per line; replaced as a whole with each newer version of the credit memo.
select
    parent_id as document_id,                         -- its credit memo
    line.id as line_id,                               -- guid
    line.sequence as sequence,                        -- line number
    decoded(line.lineType) as line_type,              -- Account, Item, Comment, ...
    line.lineObjectNumber as line_object_number,      -- account or item number
    line.description as description,                  -- text
    line.quantity as quantity,                        -- quantity
    line.unitPrice as unit_price,                     -- price of one
    line.amountExcludingTax as amount_excluding_tax,  -- before tax
    line.amountIncludingTax as amount_including_tax,  -- with tax
    line.netAmount as net_amount,                     -- before tax, after invoice discount
    line.taxCode as tax_code,                         -- tax group or VAT product posting group
    map_from_entries(list_transform(list_filter(line.dimensionSetLines, lambda d: d.code is not null), lambda d: {'k': d.code, 'v': d.valueCode})) as dimensions,    -- dimension code to value code
    origin.*
from (select r.id as parent_id, origin, unnest(r.salesCreditMemoLines) as line from record)
