-- Suppliers of the company as vendors: what S/4HANA says of each, what ServiceTitan says of the vendor it is, and what was
-- written last or, of a vendor that was linked, what S/4HANA said then: changes are measured against that.

create or replace temp table vendors as
with there as (
    select
        source_key,
        try_cast(arg_max(remote_id, revision) as bigint) as vendor_id,
        max(state_since) filter (where state = 'posted') as known_since,
        -- A person said which it is: nothing of ours stands on it yet.
        bool_and(state = 'adopted' and written::json ->> 'vendor_id' is null) as is_accepted
    from known_documents
    where kind = 'vendor' and state in ('posted', 'adopted')
    group by source_key
),
asked as (
    select
        alike.supplier,
        min_by(alike.vendor_id, {'rank': -alike.score, 'id': alike.vendor_id}) as first_id,
        string_agg(
            'vendor ' || named(alike.vendor_name, alike.vendor_id) || case when alike.is_active then '' else ', inactive' end
                || ' (' || alike.likewise || coalesce('; so is supplier ' || rivals.suppliers, '') || ')',
            ' and ' order by alike.score desc, alike.vendor_id
        ) as vendors
    from vendors_alike as alike
    left join (
        select one.supplier, one.vendor_id, string_agg(other.supplier, ' and ' order by other.supplier) as suppliers
        from vendor_pairs as one
        join vendor_pairs as other on other.vendor_id = one.vendor_id and other.supplier <> one.supplier and other.is_one
        where one.is_one
        group by all
    ) as rivals on rivals.supplier = alike.supplier and rivals.vendor_id = alike.vendor_id
    group by alike.supplier
)
select
    supplier.source_key, supplier.supplier, supplier.category, supplier.closed,
    coalesce(trim(supplier.name), '') as name,
    case when supplier.category = '1' then given(supplier.first_name) end as first_name,
    case when supplier.category = '1' then given(supplier.last_name) end as last_name,
    coalesce(trim(supplier.phone), '') as phone,
    coalesce(trim(supplier.email), '') as email,
    coalesce(trim(supplier.street), '') as street,
    coalesce(trim(supplier.city), '') as city,
    coalesce(trim(supplier.state), '') as state,
    coalesce(trim(supplier.postal_code), '') as zip,
    coalesce(trim(supplier.country), '') as country,
    supplier.closed is null as active,
    greatest((supplier.extracted_at at time zone rules.time_zone)::date, rules.start_date) as read_on,
    coalesce(supplier.change_date, supplier.creation_date, read_on) as changed_on,
    there.source_key is not null as is_there,
    there.known_since,
    coalesce(there.vendor_id, supplier.linked_id, found.vendor_id) as vendor_id,
    supplier.linked_id is not null as is_linked, supplier.is_of_ours,
    coalesce(there.is_accepted, false) and there.vendor_id in (
        select vendor_id from staging.stg_servicetitan__vendors
        where len(list_filter(coalesce(external_data, []), lambda each: each.key = 'S4Supplier')) = 0
    ) as is_to_be_marked,
    asked.vendors as asked_vendors, asked.first_id as asked_id,
    known.state as known_state, known.revision as known_revision, known.business_key as known_key,
    known.is_final as is_known_final,
    coalesce(known.replayed and not known.is_final, false) as is_replayed,
    md5(to_json([name, phone, email, street, city, supplier.state, zip, country, active::varchar])::varchar) as source_hash
from supplier_facts as supplier
cross join rules
left join there on there.source_key = supplier.source_key
left join vendor_pairs as found on found.supplier = supplier.supplier and found.is_found
left join asked on asked.supplier = supplier.supplier
left join newest_known as known on known.kind = 'vendor' and known.source_key = supplier.source_key
where supplier.is_ours;

-- Most are equal as they stand.
create or replace temp macro is_told_alike(member, one, other) as
    case
        when one = other then true
        when member = 'phone' then regexp_replace(one, '\D', '', 'g') = regexp_replace(other, '\D', '', 'g')
        when member = 'state' then state_code(one) = state_code(other)
        when member = 'country' then country_code(one) = country_code(other)
        when member = 'zip' then plain_zip(one) is not distinct from plain_zip(other)
        when member = 'email' then lower(trim(one)) = lower(trim(other))
        else trim(regexp_replace(one, '\s+', ' ', 'g')) = trim(regexp_replace(other, '\s+', ' ', 'g'))
    end;
create or replace temp macro vendor_side(member, field, theirs, titans) as
    {'member': member, 'field': field, 'theirs': theirs, 'titans': coalesce(trim(titans), '')};

create or replace temp table vendor_sides as
with said as (
    select source_key, member, arg_max(value, revision) as value
    from (
        select source_key, revision, unnest(map_entries(written::json::map(varchar, varchar)), recursive := true)
        from known_documents
        where kind = 'vendor' and state in ('posted', 'adopted') and given(written) is not null
    ) as member_of(source_key, revision, member, value)
    group by source_key, member
),
sides as (
    select
        vendor.source_key, vendor.supplier, vendor.vendor_id, vendor.is_there, vendor.known_since,
        titan.vendor_id is not null as is_read, titan.extracted_at as titan_read_at,
        unnest([
            vendor_side('name', 'name', vendor.name, titan.name),
            vendor_side('phone', 'phone', vendor.phone, titan.phone),
            vendor_side('email', 'email', vendor.email, titan.email),
            vendor_side('street', 'address', vendor.street, concat_ws(' ', titan.street, titan.unit)),
            vendor_side('city', 'address', vendor.city, titan.city),
            vendor_side('state', 'address', vendor.state, titan.state),
            vendor_side('zip', 'address', vendor.zip, titan.zip),
            vendor_side('country', 'address', vendor.country, titan.country),
            vendor_side('active', 'active', vendor.active::varchar, titan.is_active::varchar)
        ], recursive := true)
    from vendors as vendor
    left join staging.stg_servicetitan__vendors as titan on titan.vendor_id = vendor.vendor_id
    where vendor.vendor_id is not null
)
select
    sides.*,
    case field when 'active' then 'erp' else to_json(rules.owners) ->> field end as owner,
    coalesce(said.value, '') as was,
    is_there and owner = 'erp' and theirs <> was and (theirs <> '' or field = 'address') as is_cause,
    bool_or(is_cause) over (partition by sides.source_key, field) as is_carried  -- an address is one
from sides
cross join rules
left join said on said.source_key = sides.source_key and said.member = sides.member;
