-- kind: customer
-- Customers (API v2.0 customers).

/* structure
{
  "id": "VARCHAR", "number": "VARCHAR", "displayName": "VARCHAR", "type": "VARCHAR", "addressLine1": "VARCHAR",
  "addressLine2": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR", "country": "VARCHAR", "postalCode": "VARCHAR",
  "phoneNumber": "VARCHAR", "email": "VARCHAR", "paymentTermsId": "VARCHAR", "blocked": "VARCHAR"
}
*/

/* personal
{"whose": "erp_customer", "owner": "number",
 "members": ["displayName", "addressLine1", "addressLine2", "city", "state", "country", "postalCode", "phoneNumber", "email"]}
*/

-- table: stg_business_central__customers
-- One row per customer.
select
    r.id as customer_id,                      -- guid
    r.number as number,                       -- customer number
    r.displayName as display_name,            -- name
    decoded(r.type) as type,                  -- Company or Person
    r.addressLine1 as address_line1,          -- address: street
    r.addressLine2 as address_line2,          -- address: second line
    r.city as city,                           -- address: city
    r.state as state,                         -- address: state
    r.country as country,                     -- address: country code
    r.postalCode as postal_code,              -- address: postal code
    r.phoneNumber as phone_number,            -- phone
    r.email as email,                         -- e-mail address
    filled(r.paymentTermsId) as payment_terms_id,    -- guid of the payment terms
    decoded(r.blocked) as blocked,            -- empty, Ship, Invoice or All
    origin.*
from record
