-- kind: tax_code
-- Tax codes: SalesTaxCodes in sales-tax countries, VatGroups in the others.

/* structure
{"id": "VARCHAR", "Name": "VARCHAR", "Inactive": "VARCHAR"}
*/

-- table: stg_sap_business_one__tax_codes
-- One row per tax code.
select
    r.id as code,                                                  -- code
    r.Name as display_name,                                        -- name
    r.Inactive is distinct from 'tYES' as is_active,               -- in use
    origin.*
from record
