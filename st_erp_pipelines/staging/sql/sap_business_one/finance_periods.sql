-- kind: finance_period
-- Posting periods of all years (Service Layer CompanyService_GetFinancePeriods).

/* structure
{"id": "VARCHAR", "PeriodCode": "VARCHAR", "PostingDateFrom": "VARCHAR", "PostingDateTo": "VARCHAR", "PeriodStatus": "VARCHAR"}
*/

-- table: stg_sap_business_one__finance_periods
-- One row per period.
select
    r.id as period_id,                                       -- number
    r.PeriodCode as code,                                    -- code
    company_day(r.PostingDateFrom) as first_day,             -- first day
    company_day(r.PostingDateTo) as last_day,                -- last day
    r.PeriodStatus as status,                                -- ltUnlocked, ltUnlockedExceptSales, ltLocked, ...
    origin.*
from record
