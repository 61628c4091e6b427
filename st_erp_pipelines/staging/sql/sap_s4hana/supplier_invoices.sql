-- kind: supplier_invoice, windowed
-- Supplier invoices (API_SUPPLIERINVOICE_PROCESS_SRV, A_SupplierInvoice) with what they bill of orders, G/L lines and taxes.

/* structure
{
  "id": "VARCHAR", "SupplierInvoice": "VARCHAR", "FiscalYear": "INTEGER", "CompanyCode": "VARCHAR", "DocumentDate": "DATE",
  "PostingDate": "DATE", "CreationDate": "DATE", "SuplrInvcLstChgDteTmeTxt": "VARCHAR",
  "SupplierInvoiceIDByInvcgParty": "VARCHAR", "InvoicingParty": "VARCHAR", "DocumentCurrency": "VARCHAR",
  "InvoiceGrossAmount": "DECIMAL(18,4)", "UnplannedDeliveryCost": "DECIMAL(18,4)", "DocumentHeaderText": "VARCHAR",
  "PaymentTerms": "VARCHAR", "DueCalculationBaseDate": "DATE", "PaymentBlockingReason": "VARCHAR",
  "AccountingDocumentType": "VARCHAR", "SupplierInvoiceStatus": "VARCHAR", "SupplierInvoiceIsCreditMemo": "VARCHAR",
  "InvoiceReference": "VARCHAR", "InvoiceReferenceFiscalYear": "VARCHAR", "ReverseDocument": "VARCHAR",
  "ReverseDocumentFiscalYear": "VARCHAR", "IsReversal": "BOOLEAN", "IsReversed": "BOOLEAN",
  "to_SuplrInvcItemPurOrdRef": [{
    "SupplierInvoiceItem": "INTEGER", "PurchaseOrder": "VARCHAR", "PurchaseOrderItem": "VARCHAR", "Plant": "VARCHAR",
    "ReferenceDocument": "VARCHAR", "ReferenceDocumentFiscalYear": "VARCHAR", "ReferenceDocumentItem": "VARCHAR",
    "IsSubsequentDebitCredit": "VARCHAR", "TaxCode": "VARCHAR", "DocumentCurrency": "VARCHAR",
    "SupplierInvoiceItemAmount": "DECIMAL(18,4)", "PurchaseOrderQuantityUnit": "VARCHAR",
    "QuantityInPurchaseOrderUnit": "DECIMAL(28,7)", "SupplierInvoiceItemText": "VARCHAR", "IsFinallyInvoiced": "BOOLEAN",
    "SuplrInvcDeliveryCostCndnType": "VARCHAR", "FreightSupplier": "VARCHAR",
    "to_SupplierInvoiceItmAcctAssgmt": [{
      "OrdinalNumber": "INTEGER", "CostCenter": "VARCHAR", "ControllingArea": "VARCHAR", "GLAccount": "VARCHAR",
      "SuplrInvcAcctAssignmentAmount": "DECIMAL(18,4)", "DebitCreditCode": "VARCHAR"
    }]
  }],
  "to_SupplierInvoiceItemGLAcct": [{
    "SupplierInvoiceItem": "INTEGER", "GLAccount": "VARCHAR", "CostCenter": "VARCHAR", "ControllingArea": "VARCHAR",
    "SupplierInvoiceItemAmount": "DECIMAL(18,4)", "DebitCreditCode": "VARCHAR", "TaxCode": "VARCHAR",
    "SupplierInvoiceItemText": "VARCHAR"
  }],
  "to_SupplierInvoiceTax": [{
    "TaxCode": "VARCHAR", "SupplierInvoiceTaxCounter": "VARCHAR", "TaxAmount": "DECIMAL(18,4)",
    "TaxBaseAmountInTransCrcy": "DECIMAL(18,4)"
  }]
}
*/

-- hash
-- What an accountant would call an edit, posting and reversal with it; that its payment is blocked is none.
{
    'dates': [r.DocumentDate, r.PostingDate], 'number': r.SupplierInvoiceIDByInvcgParty, 'supplier': unpadded(r.InvoicingParty),
    'currency': r.DocumentCurrency, 'gross': r.InvoiceGrossAmount, 'delivery': r.UnplannedDeliveryCost,
    'status': r.SupplierInvoiceStatus, 'credit_memo': r.SupplierInvoiceIsCreditMemo,
    'reversed': [unpadded(r.ReverseDocument), unpadded(r.ReverseDocumentFiscalYear)], 'is_reversed': r.IsReversed,
    'items': list_sort(list_transform(r.to_SuplrInvcItemPurOrdRef, lambda i: {
        'item': i.SupplierInvoiceItem, 'order': unpadded(i.PurchaseOrder), 'of': unpadded(i.PurchaseOrderItem),
        'amount': i.SupplierInvoiceItemAmount, 'quantity': i.QuantityInPurchaseOrderUnit, 'tax_code': i.TaxCode,
        'subsequent': i.IsSubsequentDebitCredit, 'freight': [i.SuplrInvcDeliveryCostCndnType, unpadded(i.FreightSupplier)],
        'accounts': list_sort(i.to_SupplierInvoiceItmAcctAssgmt)
    })),
    'accounts': list_sort(r.to_SupplierInvoiceItemGLAcct), 'taxes': list_sort(r.to_SupplierInvoiceTax)
}

-- table: stg_sap_s4hana__supplier_invoices
-- One row per supplier invoice, its newest version.
select
    unpadded(r.SupplierInvoice) as supplier_invoice,                        -- number, without leading zeros; repeats across years
    r.FiscalYear as fiscal_year,                                   -- fiscal year: part of the number
    r.CompanyCode as company_code,                                          -- company code
    coalesce(r.SupplierInvoiceStatus, '') as status,                        -- 5 posted, blank posted online, A B C D E parked, 2 deleted, ...
    flagged(r.SupplierInvoiceIsCreditMemo) as is_credit_memo,               -- a credit memo
    unpadded(r.ReverseDocument) as reverse_document,                        -- of one that was reversed what reverses it, and the other way round
    try_cast(unpadded(r.ReverseDocumentFiscalYear) as integer) as reverse_fiscal_year,  -- its fiscal year
    coalesce(r.IsReversal, false) as is_reversal,                           -- reverses another
    coalesce(r.IsReversed, false) as is_reversed,                           -- was reversed
    unpadded(r.InvoicingParty) as supplier,                                 -- who sent it, without leading zeros
    nullif(trim(r.SupplierInvoiceIDByInvcgParty), '') as vendor_invoice_number,    -- the supplier's number of it
    r.DocumentDate as document_date,                                        -- date of the invoice
    r.PostingDate as posting_date,                                          -- posting date
    r.DocumentCurrency as currency_code,                                    -- currency
    r.InvoiceGrossAmount as gross_amount,                                   -- total with tax
    r.UnplannedDeliveryCost as delivery_cost,                               -- shipping that no order planned
    nullif(r.DocumentHeaderText, '') as header_text,                        -- text
    nullif(r.PaymentTerms, '') as payment_terms,                            -- payment terms
    r.DueCalculationBaseDate as due_base_date,                              -- from which the terms are counted
    nullif(r.PaymentBlockingReason, '') as payment_block,                   -- why it is not paid
    nullif(r.AccountingDocumentType, '') as document_type,                  -- type of the accounting document
    unpadded(r.InvoiceReference) as invoice_reference,                      -- of a credit memo its invoice
    try_cast(unpadded(r.InvoiceReferenceFiscalYear) as integer) as invoice_reference_fiscal_year,    -- its fiscal year
    r.CreationDate as creation_date,                                        -- entered
    try_strptime(left(regexp_replace(r.SuplrInvcLstChgDteTmeTxt, '\D', '', 'g'), 14), '%Y%m%d%H%M%S') at time zone 'UTC' as changed_at,    -- changed, UTC; null in older releases
    origin.*
from record

-- table: stg_sap_s4hana__supplier_invoice_items
-- One row per item that bills an item of a purchase order; replaced as a whole with each newer version of the invoice.
select
    unpadded(parent_id) as supplier_invoice,                                -- its invoice
    parent_year as fiscal_year,                                             -- and the fiscal year of that
    i.SupplierInvoiceItem as item,                                 -- item number, from 1
    unpadded(i.PurchaseOrder) as purchase_order,                            -- the order, without leading zeros
    try_cast(unpadded(i.PurchaseOrderItem) as integer) as purchase_order_item,          -- and the item of it
    nullif(i.Plant, '') as plant,                                           -- plant
    unpadded(i.ReferenceDocument) as goods_receipt,                         -- goods receipt
    try_cast(unpadded(i.ReferenceDocumentFiscalYear) as integer) as goods_receipt_year, -- its year
    try_cast(unpadded(i.ReferenceDocumentItem) as integer) as goods_receipt_item,       -- and the item of it
    nullif(i.SuplrInvcDeliveryCostCndnType, '') as delivery_condition,      -- of delivery costs that the order planned: its condition
    unpadded(i.FreightSupplier) as freight_supplier,                        -- and whom they are paid to
    flagged(i.IsSubsequentDebitCredit) as is_subsequent,                    -- a later debit or credit: of the amount alone
    nullif(i.TaxCode, '') as tax_code,                                      -- tax code
    i.DocumentCurrency as currency_code,                                    -- currency
    i.SupplierInvoiceItemAmount as net_amount,                              -- before tax
    i.QuantityInPurchaseOrderUnit as quantity,                              -- billed, in the order unit
    i.PurchaseOrderQuantityUnit as unit,                                    -- order unit
    nullif(i.SupplierInvoiceItemText, '') as description,                   -- text
    coalesce(i.IsFinallyInvoiced, false) as is_finally_invoiced,            -- nothing more is billed of it
    origin.*
from (
    select r.SupplierInvoice as parent_id, r.FiscalYear as parent_year, origin, unnest(r.to_SuplrInvcItemPurOrdRef) as i from record
)

-- table: stg_sap_s4hana__supplier_invoice_account_assignments
-- One row per account assignment of an item that bills an order.
select
    unpadded(parent_id) as supplier_invoice,                                -- its invoice
    parent_year as fiscal_year,                                             -- and the fiscal year of that
    parent_item as item,                                                    -- its item
    a.OrdinalNumber as assignment,                                 -- number, from 1
    unpadded(a.CostCenter) as cost_center,                                  -- cost centre, without leading zeros
    nullif(a.ControllingArea, '') as controlling_area,                      -- controlling area
    unpadded(a.GLAccount) as gl_account,                                    -- G/L account, without leading zeros
    a.SuplrInvcAcctAssignmentAmount as amount,                              -- its part of the amount
    nullif(a.DebitCreditCode, '') as debit_credit_code,                     -- S debit, H credit
    origin.*
from (
    select
        parent_id, parent_year, origin, i.SupplierInvoiceItem as parent_item,
        unnest(i.to_SupplierInvoiceItmAcctAssgmt) as a
    from (
        select r.SupplierInvoice as parent_id, r.FiscalYear as parent_year, origin, unnest(r.to_SuplrInvcItemPurOrdRef) as i from record
    )
)

-- table: stg_sap_s4hana__supplier_invoice_accounts
-- One row per item that no order has: on a G/L account.
select
    unpadded(parent_id) as supplier_invoice,                                -- its invoice
    parent_year as fiscal_year,                                             -- and the fiscal year of that
    g.SupplierInvoiceItem as item,                                 -- item number, from 1
    unpadded(g.GLAccount) as gl_account,                                    -- G/L account, without leading zeros
    unpadded(g.CostCenter) as cost_center,                                  -- cost centre, without leading zeros
    nullif(g.ControllingArea, '') as controlling_area,                      -- controlling area
    g.SupplierInvoiceItemAmount as net_amount,                              -- before tax
    nullif(g.DebitCreditCode, '') as debit_credit_code,                     -- S debit, H credit
    nullif(g.TaxCode, '') as tax_code,                                      -- tax code
    nullif(g.SupplierInvoiceItemText, '') as description,                   -- text
    origin.*
from (
    select r.SupplierInvoice as parent_id, r.FiscalYear as parent_year, origin, unnest(r.to_SupplierInvoiceItemGLAcct) as g from record
)

-- table: stg_sap_s4hana__supplier_invoice_taxes
-- One row per tax of an invoice.
select
    unpadded(parent_id) as supplier_invoice,                                -- its invoice
    parent_year as fiscal_year,                                             -- and the fiscal year of that
    t.TaxCode as tax_code,                                                  -- tax code
    t.SupplierInvoiceTaxCounter as counter,                                 -- tells several of one code apart
    t.TaxAmount as tax_amount,                                              -- tax
    t.TaxBaseAmountInTransCrcy as base_amount,                              -- of which amount; 0 where that was not given
    origin.*
from (
    select r.SupplierInvoice as parent_id, r.FiscalYear as parent_year, origin, unnest(r.to_SupplierInvoiceTax) as t from record
)
