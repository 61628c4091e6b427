-- Active vendors that no supplier is, with what looks like one.

create or replace temp table unmatched_vendors as
with asked as (
    select
        vendor_id,
        string_agg(
            'supplier ' || named(supplier_name, supplier) || coalesce(', ' || closed, '') || ' (' || likewise || ')',
            ' and ' order by score desc, supplier
        ) as suppliers,
        min_by(supplier, {'rank': -score, 'id': supplier}) filter (where closed is null) as open_supplier
    from vendors_alike
    where is_active
    group by vendor_id
)
select
    vendor.*, titan.phone, titan.email, titan.street, titan.unit, titan.city, titan.state, titan.country, titan.zip as zip_there,
    titan.created_at, asked.suppliers as asked_suppliers, asked.open_supplier
from free_vendors as vendor
join staging.stg_servicetitan__vendors as titan on titan.vendor_id = vendor.vendor_id
left join asked on asked.vendor_id = vendor.vendor_id
where vendor.is_active and vendor.vendor_id not in (select vendor_id from vendor_pairs where is_found);

create or replace table staging.vendors_unmatched as
select vendor_id, name, postal_code, asked_suppliers as similar_suppliers from unmatched_vendors order by all;

comment on table staging.vendors_unmatched is
    'Active vendors of ServiceTitan that no supplier of the ERP is linked to, nor will be.';
comment on column staging.vendors_unmatched.vendor_id is 'ServiceTitan''s id of the vendor';
comment on column staging.vendors_unmatched.name is 'name';
comment on column staging.vendors_unmatched.postal_code is 'postal code';
comment on column staging.vendors_unmatched.similar_suppliers is 'suppliers that look alike, with how much; null where there is none';
