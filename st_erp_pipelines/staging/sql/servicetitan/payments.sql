-- kind: payment, windowed
-- ServiceTitan payments with what they are applied to (OpenAPI accounting-v2, PaymentResponse).
-- `typeId` is a string on read. Refunds carry `refundedPaymentId`; the sign of their total is not documented.

/* structure
{
  "id": "BIGINT", "syncStatus": "VARCHAR", "referenceNumber": "VARCHAR", "date": "DATE", "type": "VARCHAR",
  "typeId": "BIGINT", "total": "DECIMAL(18,4)", "unappliedAmount": "DECIMAL(18,4)", "memo": "VARCHAR",
  "checkNumber": "VARCHAR", "refundedPaymentId": "BIGINT", "active": "BOOLEAN", "createdOn": "TIMESTAMPTZ",
  "customer": {"id": "BIGINT", "name": "VARCHAR"},
  "businessUnit": {"id": "BIGINT", "name": "VARCHAR"},
  "deposit": {"id": "BIGINT", "name": "VARCHAR"},
  "appliedTo": [{"appliedId": "BIGINT", "appliedTo": "BIGINT", "appliedAmount": "DECIMAL(18,4)", "appliedOn": "TIMESTAMPTZ"}]
}
*/

/* personal
{"whose": "customer", "owner": "customer.id", "members": ["customer.name", "memo"]}
*/

-- hash
-- Not what it is applied to: a deposit applied weeks later is the same payment.
{'date': r.date, 'type': r.typeId, 'total': r.total, 'customer': r.customer.id, 'active': r.active}

-- table: stg_servicetitan__payments
-- One row per ServiceTitan payment, its newest version.
select
    r.id as payment_id,                           -- ServiceTitan's id of the payment
    r.syncStatus as sync_status,                  -- Pending, Posted or Exported
    r.referenceNumber as reference_number,        -- the number people use
    r.date as payment_date,                       -- date of the payment
    r.typeId as payment_type_id,                  -- payment type
    r.type as payment_type_name,                  -- its name, e.g. Check
    r.total as total,                             -- amount
    r.unappliedAmount as unapplied_amount,        -- not applied to any invoice
    plain(r.memo) as memo,                        -- memo without markup
    r.checkNumber as check_number,                -- check number
    r.customer.id as customer_id,                 -- paying customer
    r.customer.name as customer_name,             -- its name when the payment was read
    r.businessUnit.id as business_unit_id,        -- business unit
    r.businessUnit.name as business_unit_name,    -- its name
    r.deposit.id as bank_deposit_id,              -- the bank deposit it went into
    r.refundedPaymentId as refunded_payment_id,   -- the payment that this one refunds
    r.active as is_active,                        -- false once deleted
    r.createdOn as created_at,                    -- created
    origin.*
from record

-- table: stg_servicetitan__payment_applications
-- One row per invoice that a payment is applied to; replaced as a whole with each newer version of the payment.
select
    parent_id as payment_id,         -- its payment
    a.appliedId as applied_id,       -- ServiceTitan's id of the application
    a.appliedTo as invoice_id,       -- the invoice it pays
    a.appliedAmount as amount,       -- how much of it
    a.appliedOn as applied_at,       -- when
    origin.*
from (select r.id as parent_id, origin, unnest(r.appliedTo) as a from record)
