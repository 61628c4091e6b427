-- kind: job, windowed
-- Jobs, for reference (OpenAPI jpm-v2, JobResponse): those modified since the first day extracted, and those that documents name.

/* structure
{
  "id": "BIGINT", "jobNumber": "VARCHAR", "jobStatus": "VARCHAR", "projectId": "BIGINT", "customerId": "BIGINT",
  "locationId": "BIGINT", "businessUnitId": "BIGINT", "jobTypeId": "BIGINT", "invoiceId": "BIGINT",
  "customerPo": "VARCHAR", "total": "DECIMAL(18,4)", "noCharge": "BOOLEAN", "recallForId": "BIGINT",
  "warrantyId": "BIGINT", "summary": "VARCHAR", "completedOn": "TIMESTAMPTZ", "createdOn": "TIMESTAMPTZ",
  "externalData": [{"key": "VARCHAR", "value": "VARCHAR"}]
}
*/

/* personal
{"whose": "customer", "owner": "customerId", "members": ["customerPo", "summary", "externalData"]}
*/

-- hash
{
    'number': r.jobNumber, 'status': r.jobStatus, 'project': r.projectId, 'customer': r.customerId, 'location': r.locationId,
    'business_unit': r.businessUnitId, 'type': r.jobTypeId, 'invoice': r.invoiceId, 'customer_po': r.customerPo,
    'total': r.total, 'no_charge': r.noCharge
}

-- table: stg_servicetitan__jobs
-- One row per job, its newest version.
select
    r.id as job_id,                         -- ServiceTitan's id of the job
    r.jobNumber as number,                  -- the number people use
    r.jobStatus as status,                  -- Scheduled, Dispatched, InProgress, Hold, Completed or Canceled
    r.customerId as customer_id,            -- customer
    r.locationId as location_id,            -- location
    r.businessUnitId as business_unit_id,   -- business unit
    r.projectId as project_id,              -- project
    r.jobTypeId as job_type_id,             -- type
    r.invoiceId as invoice_id,              -- its invoice
    r.customerPo as customer_po_number,     -- the customer's order number
    r.total as total,                       -- total
    r.noCharge as is_no_charge,             -- free of charge
    r.recallForId as recall_for_job_id,     -- the job it makes good
    r.warrantyId as warranty_job_id,        -- the job under whose warranty it is
    plain(r.summary) as summary,            -- summary without markup
    r.externalData as external_data,        -- keys and values that our application stored; null without application_guid
    r.completedOn as completed_at,          -- completed
    r.createdOn as created_at,              -- created
    origin.*
from record
