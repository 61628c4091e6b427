-- kind: category
-- Categories of the pricebook (OpenAPI pricebook-v2, CategoryResponse). Each holds those below it once more in `subcategories`.
-- Whether the list also has those at its top is not documented: staging takes them from both places.

/* structure
{
  "id": "BIGINT", "name": "VARCHAR", "categoryType": "VARCHAR", "parentId": "BIGINT", "position": "INTEGER",
  "description": "VARCHAR", "active": "BOOLEAN", "hideInMobile": "BOOLEAN", "source": "VARCHAR", "externalId": "VARCHAR",
  "businessUnitIds": ["BIGINT"], "createdOn": "TIMESTAMPTZ", "subcategories": "VARCHAR"
}
*/

-- table: stg_servicetitan__categories
-- One row per category that ServiceTitan's list of pricebook categories names.
select
    r.id as category_id,                        -- ServiceTitan's id of the category
    r.name as name,                             -- name
    r.categoryType as category_type,            -- Services or Materials
    r.parentId as parent_id,                    -- the category above it
    r.position as position,                     -- place among its neighbours
    plain(r.description) as description,        -- text without markup
    r.businessUnitIds as business_unit_ids,     -- business units that use it
    r.hideInMobile as is_hidden_in_mobile,      -- technicians do not see it
    r.source as source,                         -- catalog that it came from
    r.externalId as external_id,                -- its id there
    r.active as is_active,                      -- in use
    r.createdOn as created_at,                  -- created
    origin.*
from record

-- table: stg_servicetitan__subcategories
-- One row per category found below another one, at any depth.
with recursive below as (
    select r.id as top_id, r.id as above_id, origin, unnest(from_json(r.subcategories, '["JSON"]')) as s from record
    union all
    select top_id, (s->>'$.id')::bigint, origin, unnest(from_json(s->'$.subcategories', '["JSON"]')) from below
)
select
    top_id as category_id,                                  -- the listed category that it lies below
    (s->>'$.id')::bigint as subcategory_id,                 -- ServiceTitan's id of it
    above_id as parent_id,                                  -- the category right above it
    s->>'$.name' as name,                                   -- name
    s->>'$.categoryType' as category_type,                  -- Services or Materials
    try_cast(s->>'$.position' as integer) as position,      -- place among its neighbours
    try_cast(s->>'$.active' as boolean) as is_active,       -- in use
    origin.*
from below
