-- kind: bank_deposit, windowed
-- Bank deposits (OpenAPI accounting-v2), each with the transactions that the client read below it: a grouping of payments.

/* structure
{
  "id": "BIGINT", "name": "VARCHAR", "depositStatus": "VARCHAR", "syncStatus": "VARCHAR", "reviewStatus": "VARCHAR",
  "depositDate": "DATE", "grossAmount": "DECIMAL(18,4)", "netAmount": "DECIMAL(18,4)", "fees": "DECIMAL(18,4)",
  "active": "BOOLEAN", "reviewedOn": "TIMESTAMPTZ", "createdOn": "TIMESTAMPTZ",
  "batch": {"id": "BIGINT", "number": "VARCHAR"},
  "bankAccount": {"id": "BIGINT", "number": "VARCHAR", "name": "VARCHAR"},
  "feeAccount": {"id": "BIGINT", "number": "VARCHAR", "name": "VARCHAR"},
  "transactions": [{
    "id": "BIGINT", "date": "DATE", "type": "VARCHAR", "typeId": "BIGINT", "total": "DECIMAL(18,4)",
    "referenceNumber": "VARCHAR", "syncStatus": "VARCHAR", "checkNumber": "VARCHAR", "active": "BOOLEAN",
    "customer": {"id": "BIGINT", "name": "VARCHAR"}
  }]
}
*/

/* personal
{"whose": "customer", "each": "transactions", "owner": "customer.id", "members": ["customer.name"]}
*/

-- hash
-- What an accountant would call an edit; reviewing, batching and posting are not.
{
    'name': r.name, 'date': r.depositDate, 'gross': r.grossAmount, 'net': r.netAmount, 'fees': r.fees, 'active': r.active,
    'bank_account': r.bankAccount.number, 'fee_account': r.feeAccount.number,
    'transactions': list_sort(list_transform(r.transactions, lambda t: {'id': t.id, 'total': t.total}))
}

-- table: stg_servicetitan__bank_deposits
-- One row per bank deposit, its newest version. Payments are posted by themselves: a deposit only says which went to the bank together.
select
    r.id as bank_deposit_id,                          -- ServiceTitan's id of the deposit
    r.name as name,                                   -- name
    r.depositStatus as deposit_status,                -- Open or Deposited
    r.syncStatus as sync_status,                      -- Pending, Posted or Exported
    r.reviewStatus as review_status,                  -- NeedsReview or Reviewed
    r.depositDate as deposit_date,                    -- date of the deposit
    r.grossAmount as gross_amount,                    -- before fees
    r.fees as fees,                                   -- fees
    r.netAmount as net_amount,                        -- what the bank account gets
    r.bankAccount.id as bank_account_id,              -- ServiceTitan's id of the bank account
    r.bankAccount.number as bank_account_number,      -- its number in ServiceTitan's chart
    r.bankAccount.name as bank_account_name,          -- its name
    r.feeAccount.number as fee_account_number,        -- account of the fees
    r.feeAccount.name as fee_account_name,            -- its name
    r.batch.id as batch_id,                           -- batch
    r.batch.number as batch_number,                   -- its number
    len(r.transactions)::integer as transaction_count,    -- how many payments
    list_sum(list_transform(r.transactions, lambda t: t.total))::decimal(18, 4) as transaction_total,    -- their sum
    r.active as is_active,                            -- false once deleted
    r.reviewedOn as reviewed_at,                      -- reviewed
    r.createdOn as created_at,                        -- created
    origin.*
from record

-- table: stg_servicetitan__bank_deposit_transactions
-- One row per payment in a bank deposit; replaced as a whole with each newer read of the deposit.
select
    parent_id as bank_deposit_id,              -- its deposit
    t.id as payment_id,                        -- the payment
    t.date as payment_date,                    -- date of the payment
    t.typeId as payment_type_id,               -- payment type
    t.type as payment_type_name,               -- its name, e.g. Check
    t.total as total,                          -- amount
    t.referenceNumber as reference_number,     -- the number people use
    t.checkNumber as check_number,             -- check number
    t.syncStatus as sync_status,               -- Pending, Posted or Exported
    t.customer.id as customer_id,              -- paying customer
    t.customer.name as customer_name,          -- its name when the deposit was read
    t.active as is_active,                     -- false once deleted
    origin.*
from (select r.id as parent_id, origin, unnest(r.transactions) as t from record)
