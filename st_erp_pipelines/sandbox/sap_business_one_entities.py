"""The entity sets of the sandbox, declared: names and kinds by the EDMX of a live system, lengths by the SDK
(reference/sap_business_one.md, section 6; where the newest releases grew, the smaller number).

What a set lacks here the real one may have: a client that needs it adds it here, from the specification.
"""

from __future__ import annotations

from dataclasses import dataclass

from st_erp_pipelines.sandbox.sap_business_one_model import Type

DIMENSIONS = "CostingCode:8 CostingCode2:8 CostingCode3:8 CostingCode4:8 CostingCode5:8"
STAMPS = "UpdateDate:date* UpdateTime:time* DataVersion:int*"

TYPES: dict[str, Type] = {
    name: Type.declared(name, table, text)
    for name, table, text in (
        ("BusinessPartner", "OCRD", f"""
            CardCode:15 CardName:100 CardType:BoCardTypes CompanyPrivate:BoCardCompanyTypes GroupCode:int Currency:3
            FederalTaxID:32 Phone1:20 Phone2:20 Cellular:50 Fax:20 EmailAddress:100 Website:100 Notes:100 FreeText:254
            ContactPerson:50 AliasName:100
            CardForeignName:100 PayTermsGrpCode:int PriceListNum:int SalesPersonCode:int Territory:int Series:int
            CreditLimit:double MaxCommitment:double CurrentAccountBalance:double* DebitorAccount:15 ProjectCode:20
            VatLiable:BoVatStatus VatGroup:8 Valid:BoYesNoEnum ValidFrom:date ValidTo:date ValidRemarks:30
            Frozen:BoYesNoEnum FrozenFrom:date FrozenTo:date FrozenRemarks:30 ShipToDefault:50 BilltoDefault:50
            Address:100 City:100 ZipCode:20 County:100 Country:3 BillToState:3 LanguageCode:int
            BPAddresses:[BPAddress] ContactEmployees:[ContactEmployee] CreateDate:date* CreateTime:time* {STAMPS}"""),
        ("BPAddress", "CRD1", """
            AddressName:50 AddressType:BoAddressType AddressName2:50 AddressName3:50 Street:100 StreetNo:100 Block:100
            BuildingFloorRoom:254 ZipCode:20 City:100 County:100 State:3 Country:3 TaxCode:8 FederalTaxID:32 BPCode:15
            RowNum:int CreateDate:date* CreateTime:time*"""),
        ("ContactEmployee", "OCPR", """
            CardCode:15 Name:50 FirstName:50 MiddleName:50 LastName:50 Title:10 Position:90 Address:100 Phone1:20
            Phone2:20 MobilePhone:50 Fax:20 E_Mail:100 Remarks1:100 Active:BoYesNoEnum InternalCode:int
            CreateDate:date* CreateTime:time* UpdateDate:date* UpdateTime:time*"""),
        ("Document", "OINV", f"""
            DocEntry:int* DocNum:int* Series:int DocType:BoDocumentTypes DocObjectCode:BoObjectTypes CardCode:15
            CardName:100 NumAtCard:100 DocDate:date DocDueDate:date TaxDate:date DocCurrency:3 DocRate:double
            Comments:254 JournalMemo:50 Reference1:11 Reference2:11 Project:20 SalesPersonCode:int ContactPersonCode:int
            PaymentGroupCode:int BPL_IDAssignedToInvoice:int ShipToCode:50 PayToCode:50 Address:254 FederalTaxID:32
            ControlAccount:15 DiscountPercent:double TotalDiscount:double* DocTotal:double* DocTotalFc:double*
            VatSum:double* PaidToDate:double* DocumentStatus:BoStatus* Cancelled:BoYesNoEnum*
            CancelStatus:CancelStatusEnum* CancelDate:date* AuthorizationStatus:DocumentAuthorizationStatusEnum*
            TransNum:int* CreationDate:date*
            DocumentLines:[DocumentLine] {STAMPS}"""),
        ("DocumentLine", "INV1", f"""
            LineNum:int DocEntry:int* ItemCode:50 ItemDescription:100 ItemDetails:254 Quantity:double Price:double
            UnitPrice:double DiscountPercent:double LineTotal:double PriceAfterVAT:double* Currency:3 TaxCode:8
            VatGroup:8 TaxLiable:BoYesNoEnum TaxPercentagePerRow:double* TaxTotal:double* AccountCode:15
            WarehouseCode:8 {DIMENSIONS} ProjectCode:20 FreeText:100 SalesPersonCode:int BaseType:int BaseEntry:int
            BaseLine:int OpenAmount:double* LineStatus:BoStatus*"""),
        ("Payment", "ORCT", """
            DocEntry:int* DocNum:int* Series:int DocType:BoRcptTypes DocObjectCode:BoPaymentsObjectType CardCode:15
            CardName:100 DocDate:date TaxDate:date DueDate:date DocCurrency:3 DocRate:double CashAccount:15
            CashSum:double TransferAccount:15 TransferSum:double TransferDate:date TransferReference:27 CheckAccount:15
            Reference1:11* Reference2:8 CounterReference:8 Remarks:254 JournalRemarks:50 ProjectCode:20 BPLID:int
            ControlAccount:15 ContactPersonCode:int Cancelled:BoYesNoEnum*
            AuthorizationStatus:PaymentsAuthorizationStatusEnum* PaymentInvoices:[PaymentInvoice]
            PaymentChecks:[PaymentCheck] PaymentCreditCards:[PaymentCreditCard] PaymentAccounts:[PaymentAccount]"""),
        ("PaymentInvoice", "RCT2", """
            LineNum:int* DocEntry:int DocNum:int* InvoiceType:BoRcptInvTypes SumApplied:double DiscountPercent:double
            InstallmentId:int DocLine:int"""),
        ("PaymentCheck", "RCT1", """
            LineNum:int* DueDate:date CheckNumber:int BankCode:30 Branch:50 AccounttNum:50 Details:50 CheckSum:double
            Currency:3 CountryCode:3 CheckAccount:15 ManualCheck:BoYesNoEnum"""),
        ("PaymentCreditCard", "RCT3", """
            LineNum:int* CreditCard:int CreditAcct:15 CreditCardNumber:64 CardValidUntil:date VoucherNum:20
            ConfirmationNum:20 PaymentMethodCode:int NumOfPayments:int FirstPaymentDue:date FirstPaymentSum:double
            CreditSum:double CreditCur:3 CreditType:BoRcptCredTypes"""),
        ("PaymentAccount", "RCT4", "LineNum:int* AccountCode:15 SumPaid:double Decription:254 ProjectCode:20"),
        ("JournalEntry", "OJDT", """
            JdtNum:int* Number:int* Series:int ReferenceDate:date DueDate:date TaxDate:date Memo:50 Reference:100
            Reference2:100 Reference3:100 ProjectCode:20 TransactionCode:4 Indicator:2 BaseReference:11*
            OriginalJournal:TransTypesEnum* Original:int* UseAutoStorno:BoYesNoEnum StornoDate:date
            JournalEntryLines:[JournalEntryLine]"""),
        ("JournalEntryLine", "JDT1", f"""
            Line_ID:int AccountCode:15 ShortName:15 ControlAccount:15 Debit:double Credit:double FCDebit:double
            FCCredit:double FCCurrency:3 LineMemo:50 Reference1:100 Reference2:100 AdditionalReference:27 DueDate:date
            TaxDate:date ReferenceDate1:date ContraAccount:15 {DIMENSIONS} ProjectCode:20 TaxCode:8 BPLID:int"""),
        ("ChartOfAccount", "OACT", """
            Code:15 Name:100 FormatCode:210 FatherAccountKey:15 AccountType:BoAccountTypes ActiveAccount:BoYesNoEnum
            CashAccount:BoYesNoEnum LockManualTransaction:BoYesNoEnum BlockManualPosting:BoYesNoEnum
            ValidFor:BoYesNoEnum ValidFrom:date ValidTo:date FrozenFor:BoYesNoEnum FrozenFrom:date FrozenTo:date
            ProjectRelevant:BoYesNoEnum DistributionRuleRelevant:BoYesNoEnum DistributionRule2Relevant:BoYesNoEnum
            DistributionRule3Relevant:BoYesNoEnum DistributionRule4Relevant:BoYesNoEnum
            DistributionRule5Relevant:BoYesNoEnum AcctCurrency:3"""),
        ("Project", "OPRJ", "Code:20 Name:100 ValidFrom:date ValidTo:date Active:BoYesNoEnum"),
        ("ProfitCenter", "OPRC", """
            CenterCode:8 CenterName:30 InWhichDimension:int EffectiveFrom:date EffectiveTo:date Active:BoYesNoEnum"""),
        ("DistributionRule", "OOCR", """
            FactorCode:8 FactorDescription:30 TotalFactor:double InWhichDimension:int Active:BoYesNoEnum"""),
        ("Dimension", "ODIM", "DimensionCode:int DimensionName:100 DimensionDescription:100 IsActive:BoYesNoEnum"),
        ("PaymentTermsType", "OCTG", """
            GroupNumber:int PaymentTermsGroupName:100 StartFrom:BoPayTermDueTypes NumberOfAdditionalMonths:int
            NumberOfAdditionalDays:int NumberOfInstallments:int"""),
        ("SalesTaxCode", "OSTC", """
            Code:8 Name:100 Rate:double ValidForAR:BoYesNoEnum ValidForAP:BoYesNoEnum Freight:BoYesNoEnum
            Inactive:BoYesNoEnum"""),
        ("VatGroup", "OVTG", """
            Code:8 Name:100 Category:BoVatCategoryEnum TaxAccount:15 Inactive:BoYesNoEnum
            VatGroups_Lines:[VatGroups_Line]"""),
        ("VatGroups_Line", "VTG1", "Effectivefrom:date Rate:double"),
        ("BusinessPartnerGroup", "OCRG", "Code:int Name:20 Type:BoBusinessPartnerGroupTypes"),
        ("Currency", "OCRN", "Code:3 Name:20 DocumentsCode:20 InternationalDescription:20"),
        ("Item", "OITM", f"""
            ItemCode:50 ItemName:100 SalesItem:BoYesNoEnum InventoryItem:BoYesNoEnum Valid:BoYesNoEnum
            Frozen:BoYesNoEnum IncomeAccount:15 {STAMPS}"""),
        ("CreditCard", "OCRC", "CreditCardCode:int CreditCardName:20 GLAccount:15"),
        ("InternalReconciliation", "OITR", """
            ReconNum:int* ReconDate:date CardOrAccount:CardOrAccountEnum ReconType:ReconTypeEnum* Total:double*
            CancelAbs:int* InternalReconciliationRows:[InternalReconciliationRow]"""),
        ("InternalReconciliationRow", "ITR1", """
            LineSeq:int ShortName:15 TransId:int TransRowId:int SrcObjTyp:20 SrcObjAbs:int
            CreditOrDebit:CreditOrDebitEnum ReconcileAmount:double CashDiscount:double"""),
        ("InternalReconciliationOpenTrans", "OITR", """
            ReconDate:date CardOrAccount:CardOrAccountEnum
            InternalReconciliationOpenTransRows:[InternalReconciliationOpenTransRow]"""),
        ("InternalReconciliationOpenTransRow", "ITR1", """
            Selected:BoYesNoEnum ShortName:15 TransId:int TransRowId:int SrcObjTyp:20 SrcObjAbs:int
            CreditOrDebit:CreditOrDebitEnum ReconcileAmount:double CashDiscount:double"""),
        ("InternalReconciliationOpenTransParams", "", """
            ReconDate:date CardOrAccount:CardOrAccountEnum AccountNo:15 DateType:ReconSelectDateTypeEnum FromDate:date
            ToDate:date InternalReconciliationBPs:[InternalReconciliationBP]"""),
        ("InternalReconciliationBP", "", "BPCode:15"),
        ("UserFieldMD", "CUFD", """
            TableName:20 FieldID:int* Name:50 Description:80 Type:BoFieldTypes SubType:BoFldSubTypes Size:int
            EditSize:int Mandatory:BoYesNoEnum DefaultValue:254 LinkedTable:20"""),
        ("UserTablesMD", "OUTB", """
            TableName:20 TableDescription:30 TableType:BoUTBTableType Archivable:BoYesNoEnum"""),
        ("UserTable", "", "Code:50 Name:100"),
        ("AdminInfo", "OADM", """
            Code:int CompanyName:100 Country:3 LocalCurrency:3 SystemCurrency:3 TotalsAccuracy:int PriceAccuracy:int
            RateAccuracy:int QueryAccuracy:int DefaultTaxCode:8 DefaultCustomerPaymentTerms:int"""),
        ("CompanyInfo", "CINF", """
            Version:int CompanyName:100 EnableAccountSegmentation:BoYesNoEnum Localization:20"""),
        ("PeriodCategory", "OACP", """
            AbsoluteEntry:int PeriodCategoryProperty:20 PeriodName:20 SubPeriodType:BoSubPeriodTypeEnum
            NumberOfPeriods:int BeginningofFinancialYear:date FinancialYear:int FromPostingDate:date
            ToPostingDate:date"""),
        ("PeriodCategoryParams", "", "AbsoluteEntry:int"),
        ("FinancePeriod", "OFPR", """
            AbsoluteEntry:int PeriodCode:20 PeriodName:20 PostingDateFrom:date PostingDateTo:date ValueDateFrom:date
            ValueDateTo:date TaxDateFrom:date TaxDateTo:date ActiveforFeed:BoYesNoEnum Locked:BoYesNoEnum SubNum:int
            PeriodStatus:PeriodStatusEnum"""),
        ("FinancePeriodParams", "", "AbsoluteEntry:int PeriodIndicator:10"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EntitySet:
    """`accepts` are the methods beside GET; `actions` the bound ones."""

    name: str
    type: str
    key: tuple[str, ...]
    accepts: str = ""
    actions: str = ""

    def key_of(self, row: dict[str, object]) -> object:
        values = tuple(row[name] for name in self.key)
        return values[0] if len(values) == 1 else values


SETS: dict[str, EntitySet] = {
    found.name: found
    for found in (
        EntitySet("BusinessPartners", "BusinessPartner", ("CardCode",), "POST PATCH DELETE"),
        EntitySet("Invoices", "Document", ("DocEntry",), "POST PATCH", "Cancel"),
        EntitySet("CreditNotes", "Document", ("DocEntry",), "POST PATCH", "Cancel"),
        EntitySet("Drafts", "Document", ("DocEntry",), "POST PATCH DELETE"),
        EntitySet("IncomingPayments", "Payment", ("DocEntry",), "POST PATCH", "Cancel CancelbyCurrentSystemDate"),
        EntitySet(
            "VendorPayments", "Payment", ("DocEntry",), "PATCH", "Cancel"
        ),  # of this sandbox: entered by people alone
        EntitySet("PaymentDrafts", "Payment", ("DocEntry",), "POST PATCH DELETE", "SaveDraftToDocument"),
        EntitySet("JournalEntries", "JournalEntry", ("JdtNum",), "POST PATCH", "Cancel"),
        EntitySet("ChartOfAccounts", "ChartOfAccount", ("Code",)),
        EntitySet("Projects", "Project", ("Code",), "POST PATCH DELETE"),
        EntitySet("ProfitCenters", "ProfitCenter", ("CenterCode",)),
        EntitySet("DistributionRules", "DistributionRule", ("FactorCode",)),
        EntitySet("Dimensions", "Dimension", ("DimensionCode",)),
        EntitySet("PaymentTermsTypes", "PaymentTermsType", ("GroupNumber",)),
        EntitySet("SalesTaxCodes", "SalesTaxCode", ("Code",)),
        EntitySet("VatGroups", "VatGroup", ("Code",)),
        EntitySet("BusinessPartnerGroups", "BusinessPartnerGroup", ("Code",)),
        EntitySet("Currencies", "Currency", ("Code",)),
        EntitySet("Items", "Item", ("ItemCode",)),
        EntitySet("CreditCards", "CreditCard", ("CreditCardCode",)),
        EntitySet("InternalReconciliations", "InternalReconciliation", ("ReconNum",), "POST", "Cancel"),
        EntitySet("UserFieldsMD", "UserFieldMD", ("TableName", "FieldID"), "POST"),
        EntitySet("UserTablesMD", "UserTablesMD", ("TableName",), "POST"),
    )
}
# User-defined fields of these tables show on these types; a field of one marketing document is on all of them.
USER_FIELD_TYPES = {
    "OINV": "Document",
    "ORIN": "Document",
    "INV1": "DocumentLine",
    "RIN1": "DocumentLine",
    "ORCT": "Payment",
    "OJDT": "JournalEntry",
    "OCRD": "BusinessPartner",
    "CRD1": "BPAddress",
    "OCPR": "ContactEmployee",
    "OPRJ": "Project",
}
