"""What the five services of SAP S/4HANA offer, as far as purchasing needs it: types with their properties, and sets.

A type is one text of `Name:kind`; what stands before the bar is its key. Kinds are a length (a string), two figures (a
decimal's digits, and how many of them stand behind the point), date, stamp (with an offset), time, bool, or a
navigation: [Set] to many, (Set) to one below, ^Set to the record that it is part of. Behind the kind, `*` marks what a
client cannot write (it is silently ignored), `!` what it cannot filter or sort by, `#` what the database keeps with
leading zeros and the service shows without them.
"""

from __future__ import annotations

from dataclasses import dataclass

from st_erp_pipelines.sandbox.sap_s4hana_model import Type

ORDERS, REQUISITIONS = "API_PURCHASEORDER_PROCESS_SRV", "API_PURCHASEREQ_PROCESS_SRV"
INVOICES, PARTNERS = "API_SUPPLIERINVOICE_PROCESS_SRV", "API_BUSINESS_PARTNER"
COST_CENTERS = "API_COSTCENTER_SRV"
SERVICES = (ORDERS, REQUISITIONS, INVOICES, PARTNERS, COST_CENTERS)
CHANGE_STAMP = "SuplrInvcLstChgDteTmeTxt"

_ASSIGNED = """
    GLAccount:10# BusinessArea:4 CostCenter:10# SalesOrder:10# SalesOrderItem:6# ControllingArea:4
    CostObject:12 ProfitCenter:10# WBSElement:24 ProjectNetwork:12# FunctionalArea:16
"""
_TEXTS: dict[str, str] = {
    "A_PurchaseOrder": """
        PurchaseOrder:10# | CompanyCode:4 PurchaseOrderType:4 PurchasingDocumentDeletionCode:1*
        PurchasingProcessingStatus:2* CreatedByUser:12* CreationDate:date* LastChangeDateTime:stamp*
        Supplier:10# PurchaseOrderSubtype:1* Language:2 PaymentTerms:4 PurchasingOrganization:4
        PurchasingDocumentOrigin:1* PurchasingGroup:3 PurchaseOrderDate:date DocumentCurrency:5 ExchangeRate:12
        ExchangeRateIsFixed:bool ValidityStartDate:date ValidityEndDate:date SupplierQuotationExternalID:10
        SupplierRespSalesPersonName:30 SupplierPhoneNumber:16 SupplyingSupplier:10# SupplyingPlant:4
        IncotermsClassification:3 CorrespncExternalReference:12 CorrespncInternalReference:12 InvoicingParty:10#
        ReleaseIsNotCompleted:bool* PurchasingCompletenessStatus:bool AddressCityName:40 AddressHouseNumber:10
        AddressName:40 AddressPostalCode:10 AddressStreetName:60 AddressPhoneNumber:30 AddressRegion:3
        AddressCountry:3
        to_PurchaseOrderItem:[A_PurchaseOrderItem]""",
    "A_PurchaseOrderItem": """
        PurchaseOrder:10# PurchaseOrderItem:5# | PurchasingDocumentDeletionCode:1* PurchaseOrderItemText:40
        Plant:4 StorageLocation:4 MaterialGroup:9 PurchasingInfoRecord:10# SupplierMaterialNumber:35
        OrderQuantity:13,3 PurchaseOrderQuantityUnit:3 OrderPriceUnit:3 OrderPriceUnitToOrderUnitNmrtr:5,0
        OrdPriceUnitToOrderUnitDnmntr:5,0 DocumentCurrency:5* NetPriceAmount:12,3 NetPriceQuantity:5,0 TaxCode:2
        IsCompletelyDelivered:bool IsFinallyInvoiced:bool PurchaseOrderItemCategory:1
        AccountAssignmentCategory:1 GoodsReceiptIsExpected:bool GoodsReceiptIsNonValuated:bool
        InvoiceIsExpected:bool InvoiceIsGoodsReceiptBased:bool TaxJurisdiction:15 PurchaseRequisition:10#
        PurchaseRequisitionItem:5# IsReturnsItem:bool RequisitionerName:12 Material:40#
        ExpectedOverallLimitAmount:14,3 OverallLimitAmount:14,3 PurchasingItemIsFreeOfCharge:bool
        DeliveryAddressID:10#* DeliveryAddressName:40 DeliveryAddressName2:40 DeliveryAddressFullName:80*
        DeliveryAddressStreetName:60 DeliveryAddressHouseNumber:10 DeliveryAddressCityName:40
        DeliveryAddressPostalCode:10 DeliveryAddressRegion:3 DeliveryAddressCountry:3
        to_PurchaseOrder:^A_PurchaseOrder to_AccountAssignment:[A_PurOrdAccountAssignment]
        to_ScheduleLine:[A_PurchaseOrderScheduleLine]""",
    "A_PurOrdAccountAssignment": f"""
        PurchaseOrder:10# PurchaseOrderItem:5# AccountAssignmentNumber:2# | IsDeleted:bool*
        PurchaseOrderQuantityUnit:3* Quantity:13,3 MultipleAcctAssgmtDistrPercent:3,1 DocumentCurrency:5*
        PurgDocNetAmount:14,3 {_ASSIGNED} OrderID:12# GoodsRecipientName:12 TaxCode:2""",
    "A_PurchaseOrderScheduleLine": """
        PurchasingDocument:10# PurchasingDocumentItem:5# ScheduleLine:4# | DelivDateCategory:1
        ScheduleLineDeliveryDate:date PurchaseOrderQuantityUnit:3* ScheduleLineOrderQuantity:13,3
        ScheduleLineDeliveryTime:time PurchaseRequisition:10# PurchaseRequisitionItem:5#
        ScheduleLineCommittedQuantity:13,3""",
    "A_PurchaseRequisitionHeader": """
        PurchaseRequisition:10# | PurchaseRequisitionType:4 PurReqnDescription:40 SourceDetermination:bool
        PurReqnDoOnlyValidation:bool
        to_PurchaseReqnItem:[A_PurchaseRequisitionItem]""",
    "A_PurchaseRequisitionItem": """
        PurchaseRequisition:10# PurchaseRequisitionItem:5# | PurchasingDocument:10# PurchasingDocumentItem:5#
        PurReqnReleaseStatus:2 PurchaseRequisitionType:4 PurchasingDocumentItemCategory:1
        PurchaseRequisitionItemText:40 AccountAssignmentCategory:1 Material:40# MaterialGroup:9
        RequestedQuantity:13,3 BaseUnit:3 PurchaseRequisitionPrice:12,3 PurReqnPriceQuantity:5,0
        PurchaseRequisitionReleaseDate:date PurchasingOrganization:4 PurchasingGroup:3 Plant:4 CompanyCode:4
        SourceOfSupplyIsAssigned:bool* OrderedQuantity:13,3 DeliveryDate:date CreationDate:date*
        ProcessingStatus:1 Supplier:10# IsDeleted:1 FixedSupplier:10# RequisitionerName:12 CreatedByUser:12*
        PurReqCreationDate:date* PurReqnItemCurrency:5 StorageLocation:4 IsPurReqnBlocked:1 Language:2
        IsClosed:bool ReleaseIsNotCompleted:bool PurchaseRequisitionStatus:8 SupplierMaterialNumber:35
        ItemNetAmount:16,3 GoodsReceiptIsExpected:bool InvoiceIsExpected:bool RequirementTracking:10 TaxCode:2
        PurchaseRequisitionIsFixed:bool LastChangeDateTime:stamp* PurReqnExternalReference:35
        PurReqnItemExternalReference:10 PurReqnExternalSystemId:60 PurReqnExternalSystemType:1
        to_PurchaseReqn:^A_PurchaseRequisitionHeader to_PurchaseReqnAcctAssgmt:[A_PurReqnAcctAssgmt]
        to_PurchaseReqnDeliveryAddress:(A_PurReqAddDelivery)""",
    "A_PurReqnAcctAssgmt": f"""
        PurchaseRequisition:10# PurchaseRequisitionItem:5# PurchaseReqnAcctAssgmtNumber:2# | BaseUnit:3*
        Quantity:13,3 MultipleAcctAssgmtDistrPercent:3,1 PurReqnItemCurrency:5* PurReqnNetAmount:14,3
        IsDeleted:1 {_ASSIGNED} OrderID:12# GoodsRecipientName:12""",
    "A_PurReqAddDelivery": """
        PurchaseRequisition:10# PurchaseRequisitionItem:5# | AddressID:10#* Plant:4 FullName:80* CityName:40
        PostalCode:10 StreetName:60 HouseNumber:10 Country:3 Region:3 BusinessPartnerName1:40 PhoneNumber:30""",
    "A_SupplierInvoice": f"""
        SupplierInvoice:10#* FiscalYear:4#* | CompanyCode:4 DocumentDate:date PostingDate:date
        CreationDate:date* {CHANGE_STAMP}:23* SupplierInvoiceIDByInvcgParty:16 InvoicingParty:10#
        DocumentCurrency:5 InvoiceGrossAmount:14,3 UnplannedDeliveryCost:14,3 DocumentHeaderText:25
        PaymentTerms:4 DueCalculationBaseDate:date PaymentBlockingReason:1 AccountingDocumentType:2
        SupplierInvoiceStatus:1 InvoiceReference:10# InvoiceReferenceFiscalYear:4#
        UnplannedDeliveryCostTaxCode:2 AssignmentReference:18 SupplierPostingLineItemText:50
        TaxIsCalculatedAutomatically:bool BusinessPlace:4 BusinessArea:4 SupplierInvoiceIsCreditMemo:1
        TaxReportingDate:date InvoiceReceiptDate:date SupplierInvoiceOrigin:1* ReverseDocument:10#*
        ReverseDocumentFiscalYear:4#* IsReversal:bool*! IsReversed:bool*!
        to_SuplrInvcItemPurOrdRef:[A_SuplrInvcItemPurOrdRef]
        to_SupplierInvoiceItemGLAcct:[A_SupplierInvoiceItemGLAcct] to_SupplierInvoiceTax:[A_SupplierInvoiceTax]""",
    "A_SuplrInvcItemPurOrdRef": """
        SupplierInvoice:10#* FiscalYear:4#* SupplierInvoiceItem:6# | PurchaseOrder:10# PurchaseOrderItem:5#
        Plant:4 ReferenceDocument:10# ReferenceDocumentFiscalYear:4# ReferenceDocumentItem:4#
        IsSubsequentDebitCredit:1 TaxCode:2 TaxJurisdiction:15 DocumentCurrency:5 SupplierInvoiceItemAmount:14,3
        PurchaseOrderQuantityUnit:3 QuantityInPurchaseOrderUnit:13,3 PurchaseOrderPriceUnit:3
        QtyInPurchaseOrderPriceUnit:13,3 SuplrInvcDeliveryCostCndnType:4 SupplierInvoiceItemText:50
        IsFinallyInvoiced:bool
        to_SupplierInvoiceItmAcctAssgmt:[A_SuplrInvcItemAcctAssgmt]""",
    "A_SuplrInvcItemAcctAssgmt": """
        SupplierInvoice:10#* FiscalYear:4#* SupplierInvoiceItem:6# OrdinalNumber:4# | CostCenter:10#
        ControllingArea:4 BusinessArea:4 ProfitCenter:10# FunctionalArea:16 GLAccount:10# SalesOrder:10#
        CostObject:12 WBSElement:24# DocumentCurrency:5 SuplrInvcAcctAssignmentAmount:14,3
        PurchaseOrderQuantityUnit:3 Quantity:13,3 TaxCode:2 AccountAssignmentNumber:2# InternalOrder:12#
        ProjectNetwork:12#""",
    "A_SupplierInvoiceItemGLAcct": """
        SupplierInvoice:10#* FiscalYear:4#* SupplierInvoiceItem:4# | CompanyCode:4 CostCenter:10#
        ControllingArea:4 BusinessArea:4 ProfitCenter:10# FunctionalArea:16 GLAccount:10# SalesOrder:10#
        CostObject:12 WBSElement:24# DocumentCurrency:5 SupplierInvoiceItemAmount:14,3 TaxCode:2
        DebitCreditCode:1 SupplierInvoiceItemText:50 AssignmentReference:18 InternalOrder:12#
        TaxBaseAmountInTransCrcy:14,3 Quantity:13,3""",
    "A_SupplierInvoiceTax": """
        SupplierInvoice:10#* FiscalYear:4#* TaxCode:2 SupplierInvoiceTaxCounter:6#* | DocumentCurrency:5
        TaxAmount:14,3 TaxBaseAmountInTransCrcy:16,3 TaxJurisdiction:15""",
    "A_BusinessPartner": """
        BusinessPartner:10# | Customer:10#* Supplier:10#* AcademicTitle:4 BusinessPartnerCategory:1
        BusinessPartnerFullName:81* BusinessPartnerGrouping:4 BusinessPartnerName:81* CorrespondenceLanguage:2
        CreatedByUser:12* CreationDate:date* CreationTime:time* FirstName:40 FormOfAddress:4 Industry:10
        IsNaturalPerson:1 Language:2 LastChangeDate:date* LastChangeTime:time* LastChangedByUser:12* LastName:40
        LegalForm:2 OrganizationBPName1:40 OrganizationBPName2:40 OrganizationBPName3:40 OrganizationBPName4:40
        SearchTerm1:20 BusinessPartnerIsBlocked:bool BusinessPartnerType:4 ETag:26* MiddleName:40 NameCountry:3
        PersonFullName:80 IsMarkedForArchiving:bool BusinessPartnerIDByExtSystem:20 TradingPartner:6
        to_BusinessPartnerAddress:[A_BusinessPartnerAddress] to_BusinessPartnerRole:[A_BusinessPartnerRole]
        to_BusinessPartnerTax:[A_BusinessPartnerTaxNumber] to_Supplier:(A_Supplier)""",
    "A_BusinessPartnerAddress": """
        BusinessPartner:10# AddressID:10# | ValidityStartDate:stamp ValidityEndDate:stamp
        AdditionalStreetPrefixName:40 AdditionalStreetSuffixName:40 AddressTimeZone:6 CareOfName:40 CityName:40
        CompanyPostalCode:10 Country:3 County:40 District:40 FullName:80* HouseNumber:10
        HouseNumberSupplementText:10 Language:2 POBox:10 POBoxPostalCode:10 Person:10#* PostalCode:10
        PrfrdCommMediumType:3 Region:3 StreetName:60 StreetPrefixName:40 StreetSuffixName:40 TaxJurisdiction:15
        TransportZone:10#
        to_AddressUsage:[A_BuPaAddressUsage] to_EmailAddress:[A_AddressEmailAddress]
        to_PhoneNumber:[A_AddressPhoneNumber] to_MobilePhoneNumber:[A_AddressPhoneNumber]""",
    "A_BuPaAddressUsage": """
        BusinessPartner:10# ValidityEndDate:stamp AddressUsage:10 AddressID:10# | ValidityStartDate:stamp
        StandardUsage:bool""",
    "A_AddressEmailAddress": """
        AddressID:10# Person:10# OrdinalNumber:3# | IsDefaultEmailAddress:bool EmailAddress:241
        SearchEmailAddress:20""",
    "A_AddressPhoneNumber": """
        AddressID:10# Person:10# OrdinalNumber:3# | DestinationLocationCountry:3 IsDefaultPhoneNumber:bool
        PhoneNumber:30 PhoneNumberExtension:10 InternationalPhoneNumber:30 PhoneNumberType:1""",
    "A_BusinessPartnerRole": """
        BusinessPartner:10# BusinessPartnerRole:6 | ValidFrom:stamp ValidTo:stamp""",
    "A_BusinessPartnerTaxNumber": """
        BusinessPartner:10# BPTaxType:4 | BPTaxNumber:20 BPTaxLongNumber:60""",
    "A_Supplier": """
        Supplier:10# | CreatedByUser:12* CreationDate:date* Customer:10# PaymentIsBlockedForSupplier:bool
        PostingIsBlocked:bool PurchasingIsBlocked:bool SupplierAccountGroup:4 SupplierFullName:220*
        SupplierName:80* VATRegistration:20 DeletionIndicator:bool Industry:4* SupplierProcurementBlock:2
        TaxNumber1:16* TaxNumber2:11* TaxNumber3:18* TaxNumber4:18* TaxNumber5:60* TaxNumberType:2
        to_SupplierCompany:[A_SupplierCompany] to_SupplierPurchasingOrg:[A_SupplierPurchasingOrg]""",
    "A_SupplierCompany": """
        Supplier:10# CompanyCode:4 | CompanyCodeName:25* PaymentBlockingReason:1
        SupplierIsBlockedForPosting:bool PaymentMethodsList:10 PaymentTerms:4 ReconciliationAccount:10#
        LayoutSortingRule:3 AlternativePayee:10# DeletionIndicator:bool IsToBeCheckedForDuplicates:bool
        SupplierAccountGroup:4""",
    "A_SupplierPurchasingOrg": """
        Supplier:10# PurchasingOrganization:4 | CalculationSchemaGroupCode:2 DeletionIndicator:bool
        IncotermsClassification:3 InvoiceIsGoodsReceiptBased:bool MinimumOrderAmount:14,3 PaymentTerms:4
        PurOrdAutoGenerationIsAllowed:bool PurchaseOrderCurrency:5 PurchasingGroup:3
        PurchasingIsBlockedForSupplier:bool SupplierPhoneNumber:16 SupplierRespSalesPersonName:30
        SupplierAccountGroup:4""",
    "A_CostCenter": """
        ControllingArea:4 CostCenter:10# ValidityEndDate:date | ValidityStartDate:date CompanyCode:4
        BusinessArea:4 CostCtrResponsiblePersonName:20 CostCtrResponsibleUser:12 CostCenterCurrency:5
        ProfitCenter:10# Department:12 CostingSheet:6 FunctionalArea:16 Country:3 Region:3 CityName:35
        CostCenterStandardHierArea:12 CostCenterCategory:1 IsBlkdForPrimaryCostsPosting:1
        IsBlkdForSecondaryCostsPosting:1 IsBlockedForRevenuePosting:1 IsBlockedForCommitmentPosting:1
        IsBlockedForPlanPrimaryCosts:1 IsBlockedForPlanSecondaryCosts:1 IsBlockedForPlanRevenues:1
        ConsumptionQtyIsRecorded:1 Language:2 CostCenterCreatedByUser:12 CostCenterCreationDate:date
        to_Text:[A_CostCenterText]""",
    "A_CostCenterText": """
        CostCenter:10# ControllingArea:4 Language:2 ValidityEndDate:date | ValidityStartDate:date
        CostCenterName:20 CostCenterDescription:40
        to_CostCenter:^A_CostCenter""",
}
TYPES = {name: Type.declared(name, text) for name, text in _TEXTS.items()}
# What releases of the invoice service do not have.
LACKING: dict[str, dict[str, tuple[str, ...]]] = {
    "older": {"A_SupplierInvoice": (CHANGE_STAMP,)},
    "oldest": {
        "A_SupplierInvoice": (CHANGE_STAMP, "CreationDate"),
        "A_SuplrInvcItemPurOrdRef": ("IsFinallyInvoiced",),
    },
}
INVOICE_RELEASES = {
    release: TYPES | {name: TYPES[name].without(*members) for name, members in lacking.items()}
    for release, lacking in LACKING.items()
}


@dataclass(frozen=True, slots=True)
class EntitySet:
    """`root` is the set of the records that its rows are part of, `paths` the ways from there to them. `allows`:
    C, U, D of what the metadata lets a client create, change and delete."""

    name: str
    service: str
    root: str
    paths: tuple[tuple[str, ...], ...]
    allows: str = "CUD"


_ROOTS = {
    "A_PurchaseOrder": ORDERS,
    "A_PurchaseRequisitionHeader": REQUISITIONS,
    "A_SupplierInvoice": INVOICES,
    "A_BusinessPartner": PARTNERS,
    "A_CostCenter": COST_CENTERS,
}
_ALLOWS = {
    "A_PurchaseRequisitionHeader": "CU", "A_PurchaseRequisitionItem": "CU", "A_PurReqnAcctAssgmt": "CU",
    "A_PurReqAddDelivery": "U", "A_SupplierInvoice": "CD", "A_SuplrInvcItemPurOrdRef": "",
    "A_SuplrInvcItemAcctAssgmt": "", "A_SupplierInvoiceItemGLAcct": "", "A_SupplierInvoiceTax": "",
    "A_BusinessPartner": "CU", "A_BusinessPartnerRole": "CU", "A_Supplier": "U", "A_SupplierCompany": "CU",
    "A_SupplierPurchasingOrg": "CU", "A_CostCenter": "", "A_CostCenterText": "",
}  # fmt: skip


def _sets() -> dict[str, EntitySet]:
    found: dict[str, EntitySet] = {}

    def enter(name: str, root: str, path: tuple[str, ...]) -> None:
        known = found.get(name)
        paths = (*known.paths, path) if known else (path,)
        found[name] = EntitySet(name, _ROOTS[root], root, paths, _ALLOWS.get(name, "CUD"))
        for navigation in TYPES[name].parts:
            enter(navigation.target, root, (*path, navigation.name))

    for root in _ROOTS:
        enter(root, root, ())
    return found


SETS = _sets()
