-- kind: account
-- Chart of accounts (Service Layer ChartOfAccounts).

/* structure
{
  "id": "VARCHAR", "FormatCode": "VARCHAR", "Name": "VARCHAR", "AccountType": "VARCHAR", "ActiveAccount": "VARCHAR",
  "LockManualTransaction": "VARCHAR", "FrozenFor": "VARCHAR"
}
*/

-- table: stg_sap_business_one__accounts
-- One row per account, titles among them.
select
    r.id as code,                                                   -- what documents want
    r.FormatCode as number,                                         -- what people see where the chart is segmented
    r.Name as display_name,                                         -- name
    r.AccountType as account_type,                                  -- at_Revenues, at_Expenses or at_Other
    r.ActiveAccount is distinct from 'tNO' as is_active,            -- false for a title
    r.LockManualTransaction is not distinct from 'tYES' as is_control,    -- of business partners: no line may name it
    r.FrozenFor is not distinct from 'tYES' as is_frozen,           -- blocked, if only for some days
    origin.*
from record
