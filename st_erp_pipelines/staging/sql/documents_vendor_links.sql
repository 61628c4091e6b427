-- Which vendor of ServiceTitan a supplier of S/4HANA is: the one of its posted, adopted or accepted document, else the one
-- that carries its number, as after the state was lost.

create or replace temp table vendors_numbered as
select vendor_id, unpadded(list_filter(external_data, lambda each: each.key = 'S4Supplier')[1].value) as supplier
from staging.stg_servicetitan__vendors
where supplier is not null;

-- One row per supplier. To observe, one that is fit to be created is there, without an id yet.
create or replace temp table vendors_there as
with posted as (
    select source_key, try_cast(arg_max(remote_id, revision) as bigint) as vendor_id
    from known_documents
    where kind = 'vendor' and state in ('posted', 'adopted')
    group by source_key
),
numbered as (  -- a number on two vendors says nothing
    select supplier, any_value(vendor_id) as vendor_id from vendors_numbered group by supplier having count(*) = 1
)
select
    supplier.supplier, supplier.source_key, supplier.name,
    coalesce(posted.vendor_id, numbered.vendor_id) as vendor_id,
    coalesce(coalesce(posted.vendor_id, numbered.vendor_id) is not null or is_observed_ready(rules.mode, own.state), false) as is_there
from staging.stg_sap_s4hana__suppliers as supplier
cross join rules
left join posted on posted.source_key = supplier.source_key
left join numbered on numbered.supplier = supplier.supplier
left join newest_known as own on own.kind = 'vendor' and own.source_key = supplier.source_key;
