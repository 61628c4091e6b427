-- kind: business_unit
-- ServiceTitan business units (OpenAPI settings-v2).

/* structure
{
  "id": "BIGINT", "name": "VARCHAR", "currency": "VARCHAR", "accountCode": "VARCHAR", "quickbooksClass": "VARCHAR",
  "division": {"name": "VARCHAR"}, "active": "BOOLEAN", "externalData": [{"key": "VARCHAR", "value": "VARCHAR"}]
}
*/

-- table: stg_servicetitan__business_units
-- One row per business unit.
select
    r.id as business_unit_id,                -- ServiceTitan's id of the business unit
    r.name as name,                          -- name
    r.currency as currency,                  -- currency
    r.accountCode as account_code,           -- accounting code kept in ServiceTitan
    r.quickbooksClass as quickbooks_class,   -- QuickBooks class
    r.division.name as division_name,        -- division
    r.externalData as external_data,         -- keys and values that our application stored; null without application_guid
    r.active as is_active,                   -- in use
    origin.*
from record
