-- kind: supplier, windowed
-- Suppliers: business partners (API_BUSINESS_PARTNER, A_BusinessPartner) with what they are as suppliers, their addresses
-- and tax numbers. Companies, as ServiceTitan's vendors are: nothing here is a customer's.

/* structure
{
  "id": "VARCHAR", "BusinessPartner": "VARCHAR", "Supplier": "VARCHAR",
  "BusinessPartnerCategory": "VARCHAR", "BusinessPartnerGrouping": "VARCHAR", "BusinessPartnerFullName": "VARCHAR",
  "BusinessPartnerName": "VARCHAR", "OrganizationBPName1": "VARCHAR", "OrganizationBPName2": "VARCHAR",
  "OrganizationBPName3": "VARCHAR", "OrganizationBPName4": "VARCHAR", "FirstName": "VARCHAR", "LastName": "VARCHAR",
  "SearchTerm1": "VARCHAR", "CreationDate": "DATE", "LastChangeDate": "DATE", "BusinessPartnerIsBlocked": "BOOLEAN",
  "IsMarkedForArchiving": "BOOLEAN", "BusinessPartnerIDByExtSystem": "VARCHAR", "etag": "VARCHAR",
  "to_Supplier": {
    "SupplierName": "VARCHAR", "SupplierFullName": "VARCHAR", "SupplierAccountGroup": "VARCHAR", "CreationDate": "DATE",
    "TaxNumber1": "VARCHAR", "TaxNumber2": "VARCHAR", "TaxNumber3": "VARCHAR", "TaxNumber4": "VARCHAR",
    "TaxNumber5": "VARCHAR", "VATRegistration": "VARCHAR", "DeletionIndicator": "BOOLEAN", "PurchasingIsBlocked": "BOOLEAN",
    "PostingIsBlocked": "BOOLEAN", "PaymentIsBlockedForSupplier": "BOOLEAN", "SupplierProcurementBlock": "VARCHAR",
    "to_SupplierCompany": [{
      "CompanyCode": "VARCHAR", "DeletionIndicator": "BOOLEAN", "SupplierIsBlockedForPosting": "BOOLEAN",
      "PaymentTerms": "VARCHAR", "PaymentBlockingReason": "VARCHAR", "ReconciliationAccount": "VARCHAR"
    }],
    "to_SupplierPurchasingOrg": [{
      "PurchasingOrganization": "VARCHAR", "DeletionIndicator": "BOOLEAN", "PurchasingIsBlockedForSupplier": "BOOLEAN",
      "PurchaseOrderCurrency": "VARCHAR", "PurOrdAutoGenerationIsAllowed": "BOOLEAN", "PaymentTerms": "VARCHAR"
    }]
  },
  "to_BusinessPartnerAddress": [{
    "AddressID": "VARCHAR", "ValidityStartDate": "TIMESTAMPTZ", "ValidityEndDate": "TIMESTAMPTZ", "StreetName": "VARCHAR",
    "HouseNumber": "VARCHAR", "CityName": "VARCHAR", "PostalCode": "VARCHAR", "Region": "VARCHAR", "Country": "VARCHAR",
    "to_AddressUsage": [{"AddressUsage": "VARCHAR", "ValidityStartDate": "TIMESTAMPTZ", "ValidityEndDate": "TIMESTAMPTZ"}],
    "to_EmailAddress": [{"Person": "VARCHAR", "OrdinalNumber": "VARCHAR", "IsDefaultEmailAddress": "BOOLEAN", "EmailAddress": "VARCHAR"}],
    "to_PhoneNumber": [{
      "Person": "VARCHAR", "OrdinalNumber": "VARCHAR", "IsDefaultPhoneNumber": "BOOLEAN", "PhoneNumber": "VARCHAR",
      "PhoneNumberExtension": "VARCHAR", "InternationalPhoneNumber": "VARCHAR"
    }]
  }],
  "to_BusinessPartnerTax": [{"BPTaxType": "VARCHAR", "BPTaxNumber": "VARCHAR", "BPTaxLongNumber": "VARCHAR"}]
}
*/

-- hash
-- What a buyer would call an edit. Lists come in any order.
{
    'name': r.BusinessPartnerFullName, 'names': [r.OrganizationBPName1, r.OrganizationBPName2, r.FirstName, r.LastName],
    'blocked': r.BusinessPartnerIsBlocked, 'archived': r.IsMarkedForArchiving, 'supplier': {
        'name': r.to_Supplier.SupplierName, 'deleted': r.to_Supplier.DeletionIndicator,
        'blocks': [r.to_Supplier.PurchasingIsBlocked, r.to_Supplier.PostingIsBlocked, r.to_Supplier.PaymentIsBlockedForSupplier],
        'procurement': r.to_Supplier.SupplierProcurementBlock, 'tax': r.to_Supplier.TaxNumber1,
        'vat': r.to_Supplier.VATRegistration, 'companies': list_sort(r.to_Supplier.to_SupplierCompany),
        'organizations': list_sort(r.to_Supplier.to_SupplierPurchasingOrg)
    },
    'addresses': list_sort(list_transform(r.to_BusinessPartnerAddress, lambda a: {
        'id': a.AddressID, 'from': a.ValidityStartDate, 'to': a.ValidityEndDate, 'street': a.StreetName,
        'number': a.HouseNumber, 'city': a.CityName, 'postal_code': a.PostalCode, 'region': a.Region, 'country': a.Country,
        'usages': list_sort(a.to_AddressUsage), 'emails': list_sort(a.to_EmailAddress), 'phones': list_sort(a.to_PhoneNumber)
    })),
    'tax_numbers': list_sort(r.to_BusinessPartnerTax)
}

-- table: stg_sap_s4hana__suppliers
-- One row per supplier, its newest version. Its address is the standard one that was valid when it was loaded.
select
    unpadded(r.Supplier) as supplier,                                       -- number, without leading zeros
    unpadded(r.BusinessPartner) as business_partner,                        -- number of the business partner
    r.BusinessPartnerCategory as category,                                  -- 1 person, 2 organization, 3 group
    nullif(r.BusinessPartnerGrouping, '') as partner_grouping,              -- grouping
    coalesce(
        nullif(r.BusinessPartnerFullName, ''), nullif(r.to_Supplier.SupplierFullName, ''),
        nullif(r.to_Supplier.SupplierName, ''), nullif(r.BusinessPartnerName, ''), nullif(r.OrganizationBPName1, '')
    ) as name,                                                              -- name
    nullif(r.FirstName, '') as first_name,                                  -- of a person
    nullif(r.LastName, '') as last_name,                                    -- of a person
    nullif(r.SearchTerm1, '') as search_term,                               -- search term
    nullif(r.BusinessPartnerIDByExtSystem, '') as external_id,              -- its id in another system: our business key
    nullif(trim(concat_ws(' ', address.HouseNumber, address.StreetName)), '') as street,    -- address: house number and street
    nullif(address.StreetName, '') as street_name,                          -- address: street
    nullif(address.HouseNumber, '') as house_number,                        -- address: house number
    nullif(address.CityName, '') as city,                                   -- address: city
    nullif(address.Region, '') as state,                                    -- address: region
    nullif(address.PostalCode, '') as postal_code,                          -- address: postal code
    nullif(address.Country, '') as country,                                 -- address: country code
    coalesce(list_filter(phones, lambda each: each.IsDefaultPhoneNumber)[1].PhoneNumber, phones[1].PhoneNumber) as phone,    -- phone of this address
    coalesce(list_filter(emails, lambda each: each.IsDefaultEmailAddress)[1].EmailAddress, emails[1].EmailAddress) as email,    -- e-mail address of this address
    r.to_Supplier.SupplierAccountGroup as account_group,                    -- account group
    nullif(r.to_Supplier.TaxNumber1, '') as tax_number,                     -- first tax number; all are in supplier_tax_numbers
    nullif(r.to_Supplier.VATRegistration, '') as vat_registration,          -- VAT registration number
    r.BusinessPartnerIsBlocked as is_partner_blocked,                       -- blocked as a business partner
    r.IsMarkedForArchiving as is_marked_for_archiving,                      -- to be archived
    r.to_Supplier.PurchasingIsBlocked as is_purchasing_blocked,             -- nothing may be ordered, by any organization
    r.to_Supplier.PostingIsBlocked as is_posting_blocked,                   -- nothing may be posted, in any company
    r.to_Supplier.PaymentIsBlockedForSupplier as is_payment_blocked,        -- nothing may be paid
    nullif(r.to_Supplier.SupplierProcurementBlock, '') as procurement_block,    -- what is blocked for reasons of quality
    coalesce(is_partner_blocked, false) or coalesce(is_purchasing_blocked, false) or coalesce(is_posting_blocked, false)
        as is_blocked,                                                      -- blocked for all, on the general level
    coalesce(r.to_Supplier.DeletionIndicator, false) or coalesce(is_marked_for_archiving, false)
        as is_deleted,                                                      -- to be deleted, on the general level
    r.CreationDate as creation_date,                                        -- created
    r.LastChangeDate as change_date,                                        -- changed; null if never
    nullif(r.etag, '') as etag,                                             -- version for a change of it
    origin.*
from (
    -- What has a person is a contact's own.
    select
        *,
        list_sort(list_filter(address.to_PhoneNumber, lambda each: coalesce(each.Person, '') = '')) as phones,
        list_sort(list_filter(address.to_EmailAddress, lambda each: coalesce(each.Person, '') = '')) as emails
    from (
        select *, coalesce(list_filter(valid, lambda each: list_bool_or(list_transform(each.to_AddressUsage, lambda usage:
            usage.AddressUsage = 'XXDEFAULT' and valid_when_loaded(usage.ValidityStartDate, usage.ValidityEndDate))))[1],
            valid[1]) as address
        from (
            select *, list_sort(list_filter(r.to_BusinessPartnerAddress, lambda each:
                valid_when_loaded(each.ValidityStartDate, each.ValidityEndDate))) as valid
            from record
        )
    )
)

-- table: stg_sap_s4hana__supplier_companies
-- One row per company code that a supplier was created for.
select
    unpadded(parent_id) as supplier,                                        -- supplier, without leading zeros
    c.CompanyCode as company_code,                                          -- company code
    coalesce(c.SupplierIsBlockedForPosting, false) as is_blocked,           -- nothing may be posted
    coalesce(c.DeletionIndicator, false) as is_deleted,                     -- to be deleted
    nullif(c.PaymentTerms, '') as payment_terms,                            -- payment terms
    nullif(c.PaymentBlockingReason, '') as payment_block,                   -- why it is not paid
    unpadded(c.ReconciliationAccount) as reconciliation_account,            -- G/L account of what is owed to it
    origin.*
from (select r.Supplier as parent_id, origin, unnest(r.to_Supplier.to_SupplierCompany) as c from record)

-- table: stg_sap_s4hana__supplier_purchasing_organizations
-- One row per purchasing organization that may order of a supplier.
select
    unpadded(parent_id) as supplier,                                        -- supplier, without leading zeros
    o.PurchasingOrganization as purchasing_organization,                    -- purchasing organization
    coalesce(o.PurchasingIsBlockedForSupplier, false) as is_blocked,        -- nothing may be ordered
    coalesce(o.DeletionIndicator, false) as is_deleted,                     -- to be deleted
    nullif(o.PurchaseOrderCurrency, '') as currency_code,                   -- currency of orders
    coalesce(o.PurOrdAutoGenerationIsAllowed, false) as is_automatic_order_allowed,    -- orders may be made automatically
    nullif(o.PaymentTerms, '') as payment_terms,                            -- payment terms
    origin.*
from (select r.Supplier as parent_id, origin, unnest(r.to_Supplier.to_SupplierPurchasingOrg) as o from record)

-- table: stg_sap_s4hana__supplier_tax_numbers
-- One row per tax number of a supplier.
select
    unpadded(parent_id) as supplier,                                        -- supplier, without leading zeros
    t.BPTaxType as tax_type,                                                -- type, such as US1
    coalesce(nullif(t.BPTaxLongNumber, ''), nullif(t.BPTaxNumber, '')) as tax_number,    -- number
    origin.*
from (select r.Supplier as parent_id, origin, unnest(r.to_BusinessPartnerTax) as t from record)
