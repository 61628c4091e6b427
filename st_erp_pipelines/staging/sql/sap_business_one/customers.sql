-- kind: customer
-- Business partners that are customers (Service Layer BusinessPartners).

/* structure
{
  "id": "VARCHAR", "CardName": "VARCHAR", "Phone1": "VARCHAR", "EmailAddress": "VARCHAR", "PayTermsGrpCode": "INTEGER",
  "BilltoDefault": "VARCHAR", "Valid": "VARCHAR", "Frozen": "VARCHAR",
  "BPAddresses": [{
    "AddressName": "VARCHAR", "AddressType": "VARCHAR", "Street": "VARCHAR", "Block": "VARCHAR", "City": "VARCHAR",
    "State": "VARCHAR", "Country": "VARCHAR", "ZipCode": "VARCHAR"
  }]
}
*/

/* personal
{"whose": "erp_customer", "owner": "id", "members": ["CardName", "Phone1", "EmailAddress", "BPAddresses"]}
*/

-- table: stg_sap_business_one__customers
-- One row per customer.
select
    r.id as card_code,                                       -- code
    r.CardName as display_name,                              -- name
    billed.Street as address_line1,                          -- address that bills go to: street
    billed.Block as address_line2,                           -- address: second line
    billed.City as city,                                     -- address: city
    billed.State as state,                                   -- address: state
    billed.Country as country,                               -- address: country code
    billed.ZipCode as postal_code,                           -- address: postal code
    r.Phone1 as phone_number,                                -- phone
    r.EmailAddress as email,                                 -- e-mail address
    r.PayTermsGrpCode as payment_terms_number,               -- number of the payment terms
    r.Valid is distinct from 'tNO' and r.Frozen is distinct from 'tYES' as is_active,    -- may be billed
    origin.*
from (
    select *, coalesce(
        list_filter(addresses, lambda each: each.AddressName = r.BilltoDefault)[1], addresses[1]
    ) as billed
    from (select *, list_filter(r.BPAddresses, lambda each: each.AddressType = 'bo_BillTo') as addresses from record)
)
