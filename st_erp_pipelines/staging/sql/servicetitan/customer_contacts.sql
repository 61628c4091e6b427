-- kind: customer_contact
-- Phones and e-mail addresses of customers (OpenAPI crm-v2). A change here does not touch the customer's modifiedOn.

/* structure
{"id": "BIGINT", "customerId": "BIGINT", "type": "VARCHAR", "value": "VARCHAR", "memo": "VARCHAR",
 "forgotten": "VARCHAR"}
*/

/* personal
{"whose": "customer", "owner": "customerId", "members": ["value", "memo"]}
*/

-- table: stg_servicetitan__customer_contacts
-- One row per contact of a customer.
select
    r.id as contact_id,              -- ServiceTitan's id of the contact
    r.customerId as customer_id,     -- its customer
    r.type as type,                  -- Phone, MobilePhone, Email or Fax
    r.value as value,                -- number or address
    r.memo as memo,                  -- memo
    r.forgotten is not null as is_forgotten,    -- its value was deleted here: st-erp forget
    origin.*
from record
