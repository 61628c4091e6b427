-- Which invoices and credit memos are built this time, with all that is said of them as a whole.

create or replace temp table sales as
with item_totals as (
    select kind, id, sum(total) as items_total, bool_or(is_no_amount(total)) as has_no_amounts
    from sales_items
    group by all
)
select
    source.*,
    coalesce(source.reference_number, source.id::varchar) as label,
    coalesce(known.revision, 0) as revision,
    case
        when known.is_fixed then known.business_key
        else of_revision('ST-' || rules.key_prefix || '-' || source.stem || '-' || source.id, coalesce(known.revision, 0))
    end as business_key,
    is_adopt_only(known.adopt_only, source.sync_status, source.first_sync_status) as adopt_only,
    coalesce(known.replayed, false) as is_replayed,
    coalesce(known.is_fixed, false) as is_fixed,
    -- Once money or a credit memo was applied to it, taking it back would leave that hanging: a person decides.
    rules.reverses and coalesce(known.state = 'posted' and erp.is_untouched, false) as reversible,
    in_open_period(source.document_date, rules.opens, rules.closed_period) as posting_date,
    items.id is not null and not source.has_null_items as has_items,
    coalesce(items.items_total, 0) as items_total,
    coalesce(items.has_no_amounts, false) or is_no_amount(source.total) or is_no_amount(source.sales_tax) as has_no_amounts,
    coalesce(zones.name, mapped_zone.tax_zone_name) as tax_zone_name,
    coalesce(given(mapped_zone.liability_account), given(any_zone.liability_account)) as liability_account,
    coalesce(given(mapped_zone.tax_code), given(any_zone.tax_code)) as zone_tax_code,
    coalesce(given(units.currency), rules.local_currency, '') as currency,
    mapped_unit.business_unit_id is not null as is_unit_mapped,
    mapped_unit.dimension_code,
    mapped_unit.dimension_value,
    mapped_unit.project,
    parties.number as party,
    parties.name as party_name,
    parties.may_be_billed,
    rules.*
from sales_sources as source
cross join rules
left join newest_known as known on known.kind = source.kind and known.source_key = source.source_key
left join erp_sales as erp on erp.document_id = known.remote_id and erp.type = type_there(known.kind, known.amount)
left join item_totals as items on items.kind = source.kind and items.id = source.id
left join staging.stg_servicetitan__tax_zones as zones on zones.tax_zone_id = source.tax_zone_id
left join mapping.tax_zones as mapped_zone on mapped_zone.tax_zone_id = source.tax_zone_id
left join mapping.tax_zones as any_zone on any_zone.tax_zone_id is null  -- the row for *
left join staging.stg_servicetitan__business_units as units on units.business_unit_id = source.business_unit_id
left join mapping.business_units as mapped_unit on mapped_unit.business_unit_id = source.business_unit_id
left join parties on parties.customer_id = source.customer_id
where
    (
        is_posted_by_office(source.sync_status, rules.only_posted)
        or not known.is_final
        or (known.is_standing and not source.is_active)
    )
    and (source.is_active or known.source_key is not null)
    and (
        known.source_key is null
        or is_built_again(
            known.is_final, known.state, known.is_flagged, known.source_hash, source.source_hash, source.is_active
        )
    );
