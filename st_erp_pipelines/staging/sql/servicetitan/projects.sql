-- kind: project, windowed
-- Projects, for reference (OpenAPI jpm-v2, ProjectResponse): those modified since the first day extracted, and those that jobs and orders name.

/* structure
{
  "id": "BIGINT", "number": "VARCHAR", "name": "VARCHAR", "status": "VARCHAR", "subStatus": "VARCHAR", "customerId": "BIGINT",
  "locationId": "BIGINT", "projectTypeId": "BIGINT", "startDate": "DATE", "targetCompletionDate": "DATE",
  "actualCompletionDate": "DATE", "summary": "VARCHAR", "createdOn": "TIMESTAMPTZ",
  "businessUnitIds": ["BIGINT"], "jobIds": ["BIGINT"],
  "externalData": [{"key": "VARCHAR", "value": "VARCHAR"}]
}
*/

/* personal
{"whose": "customer", "owner": "customerId", "members": ["name", "summary", "externalData"]}
*/

-- hash
{
    'number': r.number, 'name': r.name, 'status': r.status, 'customer': r.customerId, 'location': r.locationId,
    'type': r.projectTypeId, 'start': r.startDate, 'target': r.targetCompletionDate, 'actual': r.actualCompletionDate,
    'business_units': list_sort(r.businessUnitIds), 'jobs': list_sort(r.jobIds)
}

-- table: stg_servicetitan__projects
-- One row per project, its newest version.
select
    r.id as project_id,                                     -- ServiceTitan's id of the project
    r.number as number,                                     -- the number people use
    r.name as name,                                         -- name
    r.status as status,                                     -- status, by name
    r.subStatus as sub_status,                              -- its finer status
    r.customerId as customer_id,                            -- customer
    r.locationId as location_id,                            -- location
    r.projectTypeId as project_type_id,                     -- type
    r.businessUnitIds as business_unit_ids,                 -- business units
    r.jobIds as job_ids,                                    -- jobs
    r.startDate as start_date,                              -- begins
    r.targetCompletionDate as target_completion_date,       -- to be completed by
    r.actualCompletionDate as actual_completion_date,       -- completed on
    plain(r.summary) as summary,                            -- summary without markup
    r.externalData as external_data,                        -- keys and values that our application stored; null without application_guid
    r.createdOn as created_at,                              -- created
    origin.*
from record
