-- Suppliers and vendors that are linked, that are one and not linked yet, and that look alike, which a person is asked about.

-- Without case, accents, punctuation and legal forms. Dots and apostrophes part nothing: L.L.C. is LLC.
create or replace temp macro plain_name(name) as
    regexp_replace(
        trim(regexp_replace(
            regexp_replace(replace(replace(lower(strip_accents(name)), 'ß', 'ss'), '&', ' and '), '[.''’`]', '', 'g'),
            '[^\p{L}\p{N}]+', ' ', 'g'
        )),
        '(( and)? (inc|incorporated|llc|llp|lp|ltd|limited|corp|corporation|co|company|plc|pllc|pc|gmbh|mbh|ag|kg|ohg|ug|sa|sas|sarl|srl|spa|bv|nv|ab|as|oy|pty))+$',
        ''
    );
-- Their order and their plurals tell no names apart.
create or replace temp macro name_words(plain) as
    list_sort(list_transform(
        string_split(plain, ' '), lambda word: regexp_replace(regexp_replace(word, 'ies$', 'y'), '(.{2})s$', '\1')
    ));
-- From 0 to 99; 90 at least where one has all words of the other: Ferguson and Ferguson Enterprises.
create or replace temp macro likeness(one, other) as
    least(99, greatest(
        100 - 100 * levenshtein(array_to_string(one, ' '), array_to_string(other, ' '))
            / greatest(length(array_to_string(one, ' ')), length(array_to_string(other, ' '))),
        case when list_has_all(one, other) or list_has_all(other, one) then 90 end
    ))::integer;
create or replace temp macro alnum(x) as nullif(regexp_replace(upper(x), '[^A-Z0-9]', '', 'g'), '');
-- What fills the field where there is none (N/A, 000000000, applied for) is nobody's number.
create or replace temp macro tax_key(x) as
    case when len(list_distinct(regexp_extract_all(x, '[0-9]'))) > 1 and len(regexp_extract_all(x, '[0-9]')) >= 7 then alnum(x) end;
create or replace temp macro plain_zip(zip) as regexp_replace(alnum(zip), '^([0-9]{5})[0-9]{4}$', '\1');

create or replace temp table supplier_facts as
with taken as (
    select vendor_id from vendors_there where vendor_id is not null
    union
    select vendor_id from vendors_numbered
),
-- Those that we made of a vendor carry its key.
made as (
    select
        supplier,
        try_cast(regexp_extract(external_id, '^ST-' || rules.key_prefix || '-V-([0-9]+)$', 1) as bigint) as vendor_id
    from staging.stg_sap_s4hana__suppliers
    cross join rules
    where vendor_id is not null and vendor_id not in (from taken)
    qualify count(*) over (partition by vendor_id) = 1
),
tax_numbers as (
    select supplier, list(distinct tax_key(tax_number)) as numbers
    from (
        select supplier, tax_number from staging.stg_sap_s4hana__supplier_tax_numbers
        union all
        select supplier, unnest([tax_number, vat_registration]) from staging.stg_sap_s4hana__suppliers
    )
    group by supplier
)
select
    supplier.*,
    coalesce(there.vendor_id, made.vendor_id) as linked_id,
    made.vendor_id is not null and there.vendor_id is null as is_of_ours,  -- its link stands in S/4HANA
    company.supplier is not null and organization.supplier is not null as is_ours,
    case
        when not is_ours then 'it is not there for company code ' || getvariable('erp_settings').company_code
            || ' and purchasing organization ' || getvariable('erp_settings').purchasing_organization
        when supplier.is_deleted or company.is_deleted or organization.is_deleted then 'it is marked for deletion'
        when supplier.is_blocked or company.is_blocked or organization.is_blocked then 'it is blocked'
    end as closed,  -- why nothing is ordered there
    nullif(replace(plain, ' ', ''), '') as joined,
    name_words(plain) as words,
    plain_zip(supplier.postal_code) as zip,
    coalesce(tax_numbers.numbers, []) as tax_numbers
from (select *, plain_name(name) as plain from staging.stg_sap_s4hana__suppliers) as supplier
join vendors_there as there on there.supplier = supplier.supplier
left join made on made.supplier = supplier.supplier
left join tax_numbers on tax_numbers.supplier = supplier.supplier
left join staging.stg_sap_s4hana__supplier_companies as company
    on company.supplier = supplier.supplier and company.company_code = getvariable('erp_settings').company_code
left join staging.stg_sap_s4hana__supplier_purchasing_organizations as organization
    on organization.supplier = supplier.supplier
    and organization.purchasing_organization = getvariable('erp_settings').purchasing_organization;

-- Vendors that nobody is linked to.
create or replace temp table free_vendors as
select
    vendor_id, source_key, name, is_active is distinct from false as is_active, zip as postal_code, extracted_at,
    nullif(replace(plain, ' ', ''), '') as joined,
    name_words(plain) as words,
    plain_zip(zip) as zip,
    tax_key(list_filter(custom_fields, lambda each:
        lower(trim(each.name)) = lower(nullif(getvariable('erp_settings').tax_number_field, '')))[1].value) as tax_number
from (select *, plain_name(name) as plain from staging.stg_servicetitan__vendors)
where
    vendor_id not in (select vendor_id from vendors_numbered)
    and vendor_id not in (select linked_id from supplier_facts where linked_id is not null);

-- Only pairs that share a word, a beginning or a tax number are compared: of all there would be millions.
create or replace temp table vendor_pairs as
with marked_suppliers as (
    select supplier, unnest(list_concat(words, [left(joined, 4)], tax_numbers)) as mark from supplier_facts where linked_id is null
),
marked_vendors as (
    select vendor_id, unnest(list_concat(words, [left(joined, 4), tax_number])) as mark from free_vendors
),
pairs as (
    select distinct supplier, vendor_id from marked_suppliers join marked_vendors using (mark)
),
compared as (
    select
        supplier.supplier, supplier.name as supplier_name, supplier.closed,
        vendor.vendor_id, vendor.name as vendor_name, vendor.postal_code, vendor.is_active,
        supplier.joined = vendor.joined as has_name,
        coalesce(supplier.zip = vendor.zip, false) as has_zip,
        list_contains(supplier.tax_numbers, vendor.tax_number) is not distinct from true as has_tax_number,
        likeness(supplier.words, vendor.words) as score,
        list_has_any(supplier.words, vendor.words) or score >= 50 as is_like,
        (has_name and has_zip or has_tax_number) and vendor.is_active and supplier.closed is null as is_one
    from pairs
    join supplier_facts as supplier on supplier.supplier = pairs.supplier
    join free_vendors as vendor on vendor.vendor_id = pairs.vendor_id
)
select
    *,
    -- Both have nobody else: then they are linked. Whose names have nothing in common may have a tax number mistyped.
    is_one and (has_name or is_like) and count(*) filter (where is_one) over (partition by supplier) = 1
        and count(*) filter (where is_one) over (partition by vendor_id) = 1 as is_found,
    case
        when has_tax_number then 'same tax number' || if(has_name or is_like, '', ', another name')
        when has_name and has_zip then 'same name and postal code'
        when has_name then 'same name, postal code ' || coalesce(postal_code, 'none')
        else 'alike, ' || score || ' of 100'
    end as likewise
from compared
where has_name or has_tax_number or (score >= 90 and is_active);

-- Who is taken stands in nobody's way.
create or replace temp view vendors_alike as
from vendor_pairs
where
    supplier not in (select supplier from vendor_pairs where is_found)
    and vendor_id not in (select vendor_id from vendor_pairs where is_found);
