-- Prices of the pricebook that people changed there since we wrote them, while the ERP's stayed as it was: a person may
-- want to know, and nothing is overwritten. Where both changed, the change of the item is in conflict instead.
-- From staging and the temporary table `known_documents`, the outbox's side.
create or replace table staging.field_prices as
with written as (
    select source_key, business_key, state, state_since, try_cast(remote_id as bigint) as pricebook_id,
        written::json->>'becomes' as becomes, written::json as payload
    from known_documents
    where kind = 'item' and state in ('posted', 'adopted')
    qualify row_number() over (partition by source_key order by revision desc) = 1
),
there as (
    select 'material' as becomes, material_id as pricebook_id, price, unit_cost as cost, modified_at, extracted_at
    from staging.stg_servicetitan__materials
    union all
    select 'service', service_id, price, null, modified_at, extracted_at from staging.stg_servicetitan__services
),
figures as (
    select
        written.*, there.modified_at, item.number, item.display_name,
        unnest([
            {'figure': 'price', 'here': there.price, 'last': (payload->>'price')::decimal(28, 7), 'erp': item.unit_price},
            {'figure': 'cost', 'here': there.cost, 'last': (payload->>'cost')::decimal(28, 7), 'erp': item.unit_cost}
        ], max_depth := 2)
    from written
    join there on there.becomes = written.becomes and there.pricebook_id = written.pricebook_id
    join erp_items as item on item.source_key = written.source_key
    -- What was read before we wrote it says nothing of the time since.
    where written.state = 'adopted' or there.extracted_at > written.state_since
)
select
    number as item_number, display_name as name, becomes, pricebook_id, figure,
    here as in_servicetitan, last as last_written, erp as in_erp, modified_at as changed_at, business_key
from figures
where here not in (last, round(last, 2)) and erp = last
order by item_number, figure;

comment on table staging.field_prices is
    'Prices and costs changed in ServiceTitan since we wrote them, which the ERP did not change; they are left as they are.';
comment on column staging.field_prices.item_number is 'number of the item in the ERP';
comment on column staging.field_prices.name is 'its name there';
comment on column staging.field_prices.becomes is 'material or service';
comment on column staging.field_prices.pricebook_id is 'ServiceTitan''s id of it';
comment on column staging.field_prices.figure is 'price, or cost of a material';
comment on column staging.field_prices.in_servicetitan is 'what stands there';
comment on column staging.field_prices.last_written is 'what we wrote last; of a record that was there before, what the ERP said when it was linked';
comment on column staging.field_prices.in_erp is 'what the ERP says now';
comment on column staging.field_prices.changed_at is 'when the record was last modified in ServiceTitan, UTC';
comment on column staging.field_prices.business_key is 'our key of the item, see audit.documents';
