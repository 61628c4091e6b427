-- kind: distribution_rule
-- Distribution rules, which document lines name; each cost centre has one of its own (Service Layer DistributionRules).

/* structure
{"id": "VARCHAR", "FactorDescription": "VARCHAR", "InWhichDimension": "INTEGER", "Active": "VARCHAR"}
*/

-- table: stg_sap_business_one__distribution_rules
-- One row per rule.
select
    r.id as code,                                            -- code
    r.FactorDescription as display_name,                     -- name
    r.InWhichDimension as dimension_code,                    -- its dimension, 1 to 5
    r.Active is distinct from 'tNO' as is_active,            -- in use
    origin.*
from record
