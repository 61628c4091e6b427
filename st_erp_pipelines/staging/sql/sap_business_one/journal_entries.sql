-- kind: journal_entry, windowed
-- Journal entries (Service Layer JournalEntries): what each document has booked, and what people entered. None is changed.

/* structure
{
  "id": "VARCHAR", "Number": "BIGINT", "ReferenceDate": "VARCHAR", "TaxDate": "VARCHAR", "DueDate": "VARCHAR",
  "Memo": "VARCHAR", "Reference": "VARCHAR", "Reference2": "VARCHAR", "OriginalJournal": "VARCHAR", "Original": "BIGINT",
  "JournalEntryLines": [{
    "Line_ID": "INTEGER", "AccountCode": "VARCHAR", "ShortName": "VARCHAR", "Debit": "DECIMAL(18,4)",
    "Credit": "DECIMAL(18,4)", "LineMemo": "VARCHAR", "ProjectCode": "VARCHAR", "CostingCode": "VARCHAR",
    "CostingCode2": "VARCHAR", "CostingCode3": "VARCHAR", "CostingCode4": "VARCHAR", "CostingCode5": "VARCHAR",
    "TaxCode": "VARCHAR"
  }]
}
*/

/* personal
{"whose": "erp_customer", "each": "JournalEntryLines", "owner": "ShortName", "members": ["LineMemo"]}
*/

-- table: stg_sap_business_one__journal_entries
-- One row per journal entry.
select
    r.id as journal_entry_id,                                -- JdtNum
    r.Number as number,                                      -- number that people see
    company_day(r.ReferenceDate) as posting_date,            -- posting date
    company_day(r.TaxDate) as document_date,                 -- date of the document
    company_day(r.DueDate) as due_date,                      -- due date
    r.OriginalJournal as origin,                             -- ttARInvoice, ttReceipt, ttJournalEntry (by hand), ...
    r.Original::varchar as document_id,                      -- DocEntry of the document that booked it
    r.Reference as reference,                                -- reference: of a document its number
    r.Reference2 as reference2,                              -- second reference: of an invoice the customer's
    r.Memo as memo,                                          -- text
    origin.*
from record

-- table: stg_sap_business_one__journal_entry_lines
-- One row per line.
select
    parent_id as journal_entry_id,                           -- its journal entry
    line.Line_ID as line_number,                             -- line number, from 0
    line.AccountCode as account_code,                        -- code of the account; of a customer the control account
    nullif(line.ShortName, line.AccountCode) as partner_code,    -- business partner, where it is one's line
    line.Debit as debit_amount,                              -- debit, in the company's currency
    line.Credit as credit_amount,                            -- credit, in the company's currency
    line.LineMemo as memo,                                   -- text
    line.ProjectCode as project_code,                        -- project
    line.CostingCode as rule1,                               -- distribution rule of dimension 1
    line.CostingCode2 as rule2,                              -- of dimension 2
    line.CostingCode3 as rule3,                              -- of dimension 3
    line.CostingCode4 as rule4,                              -- of dimension 4
    line.CostingCode5 as rule5,                              -- of dimension 5
    line.TaxCode as tax_code,                                -- tax code
    origin.*
from (select r.id as parent_id, origin, unnest(r.JournalEntryLines) as line from record)
