-- kind: cost_center
-- Cost centres (API_COSTCENTER_SRV, A_CostCenter with to_Text). Each has a row for each span of time.

/* structure
{
  "id": "VARCHAR", "ControllingArea": "VARCHAR", "CostCenter": "VARCHAR", "ValidityStartDate": "DATE", "ValidityEndDate": "DATE",
  "CompanyCode": "VARCHAR", "CostCenterCurrency": "VARCHAR", "ProfitCenter": "VARCHAR", "Department": "VARCHAR",
  "CostCenterCategory": "VARCHAR", "IsBlkdForPrimaryCostsPosting": "VARCHAR", "IsBlkdForSecondaryCostsPosting": "VARCHAR",
  "IsBlockedForRevenuePosting": "VARCHAR", "IsBlockedForCommitmentPosting": "VARCHAR",
  "IsBlockedForPlanPrimaryCosts": "VARCHAR", "IsBlockedForPlanSecondaryCosts": "VARCHAR",
  "IsBlockedForPlanRevenues": "VARCHAR", "CostCenterCreationDate": "DATE",
  "to_Text": [{"Language": "VARCHAR", "CostCenterName": "VARCHAR", "CostCenterDescription": "VARCHAR"}]
}
*/

-- table: stg_sap_s4hana__cost_centers
-- One row per cost centre and span of time in which it is valid.
select
    r.ControllingArea as controlling_area,                                  -- controlling area
    unpadded(r.CostCenter) as cost_center,                                  -- number, without leading zeros
    r.ValidityStartDate as valid_from_date,                                 -- first day
    r.ValidityEndDate as valid_to_date,                                     -- last day; 9999-12-31 for ever
    coalesce(english.CostCenterName, text.CostCenterName) as name,          -- short name, in English where there is one
    coalesce(english.CostCenterDescription, text.CostCenterDescription) as description,    -- name
    r.CompanyCode as company_code,                                          -- company code
    r.CostCenterCurrency as currency_code,                                  -- currency
    unpadded(r.ProfitCenter) as profit_center,                              -- profit center
    nullif(r.Department, '') as department,                                 -- department
    nullif(r.CostCenterCategory, '') as category,                           -- category
    flagged(r.IsBlkdForPrimaryCostsPosting) as is_blocked,                  -- takes no primary costs, as of purchases
    flagged(r.IsBlkdForSecondaryCostsPosting) as is_blocked_for_secondary_costs,    -- takes no secondary costs
    flagged(r.IsBlockedForRevenuePosting) as is_blocked_for_revenue,        -- takes no revenue
    flagged(r.IsBlockedForCommitmentPosting) as is_blocked_for_commitments, -- takes no commitments, as of orders
    flagged(r.IsBlockedForPlanPrimaryCosts) as is_blocked_for_plan_primary_costs,    -- takes no planned primary costs
    flagged(r.IsBlockedForPlanSecondaryCosts) as is_blocked_for_plan_secondary_costs,    -- takes no planned secondary costs
    flagged(r.IsBlockedForPlanRevenues) as is_blocked_for_plan_revenue,     -- takes no planned revenue
    r.CostCenterCreationDate as creation_date,                              -- created
    origin.*
from (
    select *, r.to_Text[1] as text, list_filter(r.to_Text, lambda each: each.Language = 'EN')[1] as english from record
)
