-- The documents of the flow cost_centers: to each active business unit, the cost center that cost_centers.csv gives it today.

with today as (
    select rules.*, getvariable('last_day')::date as day from rules
),
mapped as (
    select
        unit.source_key, unit.business_unit_id, unit.name, unit.extracted_at,
        list(distinct row.cost_center order by row.cost_center) as cost_centers
    from staging.stg_servicetitan__business_units as unit
    join mapping.cost_centers as row on row.business_unit_id = unit.business_unit_id
    cross join today
    where
        unit.is_active is distinct from false
        and coalesce(row.valid_from <= today.day, true) and coalesce(row.valid_to >= today.day, true)
    group by all
),
there as (
    select source_key, arg_max(written, revision)::json ->> 'value' as told
    from known_documents
    where kind = 'cost_center' and state in ('posted', 'adopted')
    group by source_key
),
documents as (
    select
        mapped.*,
        cost_centers[1] as cost_center,
        getvariable('erp_settings').controlling_area || '/' || cost_center as value,
        known.revision is not null and not known.is_standing as is_pending,
        coalesce(known.revision, -1) + (not is_pending)::integer as revision,
        there.told is not distinct from value as is_there,
        today.day, today.start_date, today.local_currency, today.key_prefix,
        exists (
            from staging.stg_sap_s4hana__cost_centers as row
            where
                row.controlling_area = getvariable('erp_settings').controlling_area and row.cost_center = cost_centers[1]
                and today.day between row.valid_from_date and row.valid_to_date
        ) as is_valid
    from mapped
    cross join today
    left join newest_known as known on known.kind = 'cost_center' and known.source_key = mapped.source_key
    left join there on there.source_key = mapped.source_key
    where not (is_there and not is_pending)
),
judged as (
    select
        *,
        'ST-' || key_prefix || '-CC-' || business_unit_id || case when revision > 0 then '/R' || revision else '' end
            as business_key,
        case when len(cost_centers) > 1 then {
            'code': 'several_cost_centers',
            'text': 'cost_centers.csv gives business unit ' || named(name, business_unit_id) || ' the cost centers '
                || array_to_string(cost_centers, ' and ') || ' at once: let one row end before the next begins.'
        } when not is_valid then {
            'code': 'invalid_cost_center',
            'text': 'Cost center ' || value || ' is not there on ' || day || ': correct its row of cost_centers.csv, or extend '
                || 'its validity in the ERP.'
        } end as reason
    from documents
)
select
    'cost_centers' as flow,
    'cost_center' as kind,
    source_key,
    business_key,
    greatest(day, start_date) as home_day,
    greatest(day, start_date) as business_date,
    0::decimal(18, 2) as amount,
    coalesce(local_currency, '') as currency,
    coalesce(name, '') as party,
    md5(value) as source_hash,
    to_json({key: business_key, business_unit_id: business_unit_id, value: value}) as payload,
    coalesce(name, '') as label,
    0 as part,
    revision,
    case when is_there then 'skipped' when reason is not null then 'blocked' else 'due' end as verdict,
    to_json(case when reason is not null then [reason] else [] end) as reasons,
    false as adopt_only
from judged
union all
-- No longer mapped, or its unit is no longer active, before it was sent.
select
    'cost_centers', 'cost_center', source_key, business_key, (select start_date from rules),
    (select start_date from rules), 0, '', '', '', '{}', '', 0, revision, 'withdrawn', '[]', false
from newest_known as known
where
    known.kind = 'cost_center' and not known.is_final
    and exists (from staging.stg_servicetitan__business_units) and known.source_key not in (select source_key from mapped)
order by business_key;
