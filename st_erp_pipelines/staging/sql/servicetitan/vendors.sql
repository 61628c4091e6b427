-- kind: vendor, windowed
-- Vendors (OpenAPI inventory-v2, VendorResponse). They have no code or number: they are matched by external data or name.

/* structure
{
  "id": "BIGINT", "name": "VARCHAR", "active": "BOOLEAN", "memo": "VARCHAR", "deliveryOption": "VARCHAR",
  "defaultTaxRate": "DECIMAL(18,7)", "isTruckReplenishment": "BOOLEAN", "isMobileCreationRestricted": "BOOLEAN",
  "createdOn": "TIMESTAMPTZ",
  "contactInfo": {"firstName": "VARCHAR", "lastName": "VARCHAR", "phone": "VARCHAR", "email": "VARCHAR", "fax": "VARCHAR"},
  "address": {"street": "VARCHAR", "unit": "VARCHAR", "city": "VARCHAR", "state": "VARCHAR", "zip": "VARCHAR", "country": "VARCHAR"},
  "externalData": [{"key": "VARCHAR", "value": "VARCHAR"}],
  "customFields": [{"typeId": "BIGINT", "name": "VARCHAR", "value": "VARCHAR"}]
}
*/

-- hash
{'name': r.name, 'active': r.active, 'tax_rate': r.defaultTaxRate, 'contact': r.contactInfo, 'address': r.address}

-- table: stg_servicetitan__vendors
-- One row per ServiceTitan vendor, its newest version.
select
    r.id as vendor_id,                                                      -- ServiceTitan's id of the vendor
    r.name as name,                                                         -- name
    r.contactInfo.firstName as contact_first_name,                          -- contact: first name
    r.contactInfo.lastName as contact_last_name,                            -- contact: last name
    r.contactInfo.phone as phone,                                           -- contact: phone
    r.contactInfo.email as email,                                           -- contact: e-mail address
    r.contactInfo.fax as fax,                                               -- contact: fax
    r.address.street as street,                                             -- address: street
    r.address.unit as unit,                                                 -- address: unit
    r.address.city as city,                                                 -- address: city
    r.address.state as state,                                               -- address: state
    r.address.zip as zip,                                                   -- address: postal code
    r.address.country as country,                                           -- address: country
    r.defaultTaxRate as default_tax_rate,                                   -- tax rate proposed on orders, as given
    r.deliveryOption as delivery_option,                                    -- how orders are sent
    r.isTruckReplenishment as is_truck_replenishment,                       -- replenishes trucks
    r.isMobileCreationRestricted as is_restricted_on_mobile,                -- technicians may not order here
    plain(r.memo) as memo,                                                  -- memo
    r.externalData as external_data,                                        -- keys and values that our application stored; null without application_guid
    r.customFields as custom_fields,                                        -- custom fields: id of the type, name and value
    r.active as is_active,                                                  -- false once deactivated
    r.createdOn as created_at,                                              -- created
    origin.*
from record
