-- kind: company
-- The company's own settings (Service Layer CompanyService_GetAdminInfo).

/* structure
{"id": "VARCHAR", "CompanyName": "VARCHAR", "LocalCurrency": "VARCHAR"}
*/

-- table: stg_sap_business_one__company
-- One row.
select
    r.id as company_id,                          -- 1
    r.CompanyName as name,                       -- name
    r.LocalCurrency as local_currency_code,      -- local currency
    origin.*
from record
