"""Which entities the sandbox of Business Central serves: properties, navigation, allowed methods."""

from __future__ import annotations

from st_erp_pipelines.sandbox.business_central_model import Entity, Navigation, parse_properties

PARTY_ADDRESS = """
  sellToAddressLine1:text100 sellToAddressLine2:text50 sellToCity:text30 sellToCountry:code10
  sellToState:text30 sellToPostCode:code20"""

PROPERTIES = {
    "companies company": """
  id:guid! systemVersion:text! timestamp:int! name:text30! displayName:text250! businessProfileId:text250!
  systemCreatedAt:datetime! systemCreatedBy:guid! systemModifiedAt:datetime! systemModifiedBy:guid!""",
    "accounts account": """
  id:guid! number:code20 displayName:text100 category:glAccountCategory subCategory:text80 blocked:bool
  accountType:glAccountType directPosting:bool netChange:decimal consolidationTranslationMethod:text
  consolidationDebitAccount:code20 consolidationCreditAccount:code20 excludeFromConsolidation:bool
  lastModifiedDateTime:datetime""",
    "dimensions dimension": """
  id:guid! code:code20 displayName:text30 consolidationCode:code20 lastModifiedDateTime:datetime""",
    "dimensionValues dimensionValue": """
  id:guid! code:code20 dimensionId:guid displayName:text50 consolidationCode:code20
  lastModifiedDateTime:datetime""",
    "customers customer": """
  id:guid! number:code20 displayName:text100 type:contactType addressLine1:text100 addressLine2:text50
  city:text30 state:text30 country:code10 postalCode:code20 phoneNumber:text30 email:text80 website:text80
  salespersonCode:code20 balanceDue:decimal! creditLimit:decimal taxLiable:bool taxAreaId:guid
  taxAreaDisplayName:text! taxRegistrationNumber:text50 currencyId:guid currencyCode:code10
  paymentTermsId:guid shipmentMethodId:guid paymentMethodId:guid blocked:customerBlocked
  lastModifiedDateTime:datetime!""",
    "items item": """
  id:guid! number:code20 displayName:text100 displayName2:text50 type:itemType itemCategoryId:guid
  itemCategoryCode:code20 blocked:bool gtin:code14 inventory:decimal unitPrice:decimal priceIncludesTax:bool
  unitCost:decimal taxGroupId:guid taxGroupCode:code20 baseUnitOfMeasureId:guid baseUnitOfMeasureCode:code10
  generalProductPostingGroupId:guid generalProductPostingGroupCode:code20 inventoryPostingGroupId:guid
  inventoryPostingGroupCode:code20 lastModifiedDateTime:datetime!""",
    "paymentTerms paymentTerm": """
  id:guid! code:code10 displayName:text100 dueDateCalculation:text discountDateCalculation:text
  discountPercent:decimal calculateDiscountOnCreditMemos:bool lastModifiedDateTime:datetime""",
    "paymentMethods paymentMethod": "id:guid! code:code10 displayName:text100 lastModifiedDateTime:datetime",
    "taxAreas taxArea": """
  id:guid! code:code20 displayName:text100 taxType:taxBufferType! lastModifiedDateTime:datetime!""",
    "taxGroups taxGroup": """
  id:guid! code:code20 displayName:text100 taxType:taxBufferType! lastModifiedDateTime:datetime""",
    "currencies currency": """
  id:guid! code:code10 displayName:text30 symbol:text10 amountDecimalPlaces:text5
  amountRoundingPrecision:decimal lastModifiedDateTime:datetime""",
    "generalLedgerSetup generalLedgerSetup": """
  id:guid! allowPostingFrom:date allowPostingTo:date additionalReportingCurrency:code10
  localCurrencyCode:code10 localCurrencySymbol:text10 lastModifiedDateTime:datetime
  allowQueryFromConsolidation:bool shortcutDimension1Code:code20 shortcutDimension2Code:code20
  shortcutDimension3Code:code20 shortcutDimension4Code:code20 shortcutDimension5Code:code20
  shortcutDimension6Code:code20 shortcutDimension7Code:code20 shortcutDimension8Code:code20""",
    "companyInformation companyInformation": """
  id:guid! displayName:text100 addressLine1:text100 addressLine2:text50 city:text30 state:text30
  country:code10 postalCode:code20 phoneNumber:text30 faxNumber:text30 email:text80 website:text80
  taxRegistrationNumber:text currencyCode:code10! currentFiscalYearStartDate:date! industry:text30
  experience:text lastModifiedDateTime:datetime""",
    "salesInvoices salesInvoice": f"""
  id:guid! number:code20! externalDocumentNumber:code35 invoiceDate:date postingDate:date dueDate:date
  promisedPayDate:date customerPurchaseOrderReference:text35 customerId:guid customerNumber:code20
  customerName:text100! billToName:text100! billToCustomerId:guid billToCustomerNumber:code20
  shipToName:text100 shipToContact:text100 {PARTY_ADDRESS} shipToAddressLine1:text100
  shipToAddressLine2:text50 shipToCity:text30 shipToCountry:code10 shipToState:text30 shipToPostCode:code20
  billToAddressLine1:text100! billToAddressLine2:text50! billToCity:text30! billToCountry:code10!
  billToState:text30! billToPostCode:code20! currencyId:guid shortcutDimension1Code:code20
  shortcutDimension2Code:code20 currencyCode:code10 orderId:guid! orderNumber:code20! paymentTermsId:guid
  shipmentMethodId:guid salesperson:code20 disputeStatusId:guid disputeStatus:code10 pricesIncludeTax:bool!
  remainingAmount:decimal! discountAmount:decimal discountAppliedBeforeTax:bool!
  totalAmountExcludingTax:decimal! totalTaxAmount:decimal! totalAmountIncludingTax:decimal!
  status:invoiceStatus! lastModifiedDateTime:datetime! phoneNumber:text30 email:text80""",
    "salesCreditMemos salesCreditMemo": f"""
  id:guid! number:code20! externalDocumentNumber:code35 creditMemoDate:date postingDate:date dueDate:date
  customerId:guid customerNumber:code20 customerName:text100! billToName:text100! billToCustomerId:guid
  billToCustomerNumber:code20 {PARTY_ADDRESS} billToAddressLine1:text100 billToAddressLine2:text50
  billToCity:text30 billToCountry:code10 billToState:text30 billToPostCode:code20
  shortcutDimension1Code:code20 shortcutDimension2Code:code20 currencyId:guid currencyCode:code10
  paymentTermsId:guid shipmentMethodId:guid salesperson:code20 pricesIncludeTax:bool! discountAmount:decimal
  discountAppliedBeforeTax:bool! totalAmountExcludingTax:decimal! totalTaxAmount:decimal!
  totalAmountIncludingTax:decimal! status:creditMemoStatus! lastModifiedDateTime:datetime! invoiceId:guid
  invoiceNumber:code20 phoneNumber:text30 email:text80 customerReturnReasonId:guid""",
    "customerPaymentJournals customerPaymentJournal": """
  id:guid! code:code10 displayName:text100 lastModifiedDateTime:datetime! balancingAccountId:guid
  balancingAccountNumber:code20!""",
    "customerPayments customerPayment": """
  id:guid! journalId:guid journalDisplayName:code10 lineNumber:int customerId:guid customerNumber:code20
  postingDate:date documentNumber:code20 externalDocumentNumber:code35 amount:decimal
  appliesToInvoiceId:guid appliesToInvoiceNumber:code20 description:text100 comment:text250
  lastModifiedDateTime:datetime!""",
    "journals journal": """
  id:guid! code:code10 displayName:text100 templateDisplayName:code10 lastModifiedDateTime:datetime!
  balancingAccountId:guid balancingAccountNumber:code20!""",
    "journalLines journalLine": """
  id:guid! journalId:guid journalDisplayName:code10 lineNumber:int accountType:accountType accountId:guid
  accountNumber:code20 postingDate:date documentNumber:code20 externalDocumentNumber:code35 amount:decimal
  description:text100 comment:text250 taxCode:code20 balanceAccountType:accountType balancingAccountId:guid
  balancingAccountNumber:code20 lastModifiedDateTime:datetime!""",
    "generalLedgerEntries generalLedgerEntry": """
  id:guid! entryNumber:int! postingDate:date documentNumber:code20 documentType:documentType accountId:guid
  accountNumber:code20 description:text100 debitAmount:decimal creditAmount:decimal
  additionalCurrencyDebitAmount:decimal additionalCurrencyCreditAmount:decimal
  lastModifiedDateTime:datetime""",
    "dimensionSetLines dimensionSetLine": """
  id:guid code:code20 consolidationCode:code20! parentId:guid! parentType:parentType! displayName:text30
  valueId:guid valueCode:code20 valueConsolidationCode:code20! valueDisplayName:text50""",
}

SALES_LINE = """
  id:guid! documentId:guid sequence:int itemId:guid accountId:guid lineType:lineType lineObjectNumber:code20
  description:text100 description2:text50 unitOfMeasureId:guid unitOfMeasureCode:code10 quantity:decimal
  unitPrice:decimal discountAmount:decimal discountPercent:decimal discountAppliedBeforeTax:bool!
  amountExcludingTax:decimal! taxCode:code50 taxPercent:decimal! totalTaxAmount:decimal!
  amountIncludingTax:decimal! invoiceDiscountAllocation:decimal! netAmount:decimal! netTaxAmount:decimal!
  netAmountIncludingTax:decimal! shipmentDate:date itemVariantId:guid locationId:guid"""
PROPERTIES["salesInvoiceLines salesInvoiceLine"] = SALES_LINE
PROPERTIES["salesCreditMemoLines salesCreditMemoLine"] = SALES_LINE


def one(entity: str, ours: str) -> Navigation:
    return Navigation(entity, many=False, ours=ours, theirs="id")


def many(entity: str, theirs: str) -> Navigation:
    return Navigation(entity, many=True, ours="id", theirs=theirs)


DIMENSION_SET = {"dimensionSetLines": many("dimensionSetLines", "parentId")}
DOCUMENT_PARTIES = {
    "customer": one("customers", "customerId"),
    "currency": one("currencies", "currencyId"),
    "paymentTerm": one("paymentTerms", "paymentTermsId"),
}
LINE_OBJECTS = {"item": one("items", "itemId"), "account": one("accounts", "accountId")}

NAVIGATION = {
    "dimensions": {"dimensionValues": many("dimensionValues", "dimensionId")},
    "dimensionValues": {"dimension": one("dimensions", "dimensionId")},
    "customers": {
        "currency": one("currencies", "currencyId"),
        "paymentTerm": one("paymentTerms", "paymentTermsId"),
        "paymentMethod": one("paymentMethods", "paymentMethodId"),
    },
    "salesInvoices": {
        "salesInvoiceLines": many("salesInvoiceLines", "documentId"),
        **DIMENSION_SET,
        **DOCUMENT_PARTIES,
    },
    "salesCreditMemos": {
        "salesCreditMemoLines": many("salesCreditMemoLines", "documentId"),
        **DIMENSION_SET,
        **DOCUMENT_PARTIES,
    },
    "salesInvoiceLines": {
        "salesInvoice": one("salesInvoices", "documentId"),
        **DIMENSION_SET,
        **LINE_OBJECTS,
    },
    "salesCreditMemoLines": {
        "salesCreditMemo": one("salesCreditMemos", "documentId"),
        **DIMENSION_SET,
        **LINE_OBJECTS,
    },
    "customerPaymentJournals": {"customerPayments": many("customerPayments", "journalId")},
    "customerPayments": {
        "customerPaymentJournal": one("customerPaymentJournals", "journalId"),
        "customer": one("customers", "customerId"),
        **DIMENSION_SET,
    },
    "journals": {"journalLines": many("journalLines", "journalId")},
    "journalLines": {
        "journal": one("journals", "journalId"),
        "account": one("accounts", "accountId"),
        **DIMENSION_SET,
    },
    "generalLedgerEntries": {"account": one("accounts", "accountId"), **DIMENSION_SET},
}

WRITABLE = frozenset({"GET", "POST", "PATCH", "DELETE"})
READ_ONLY = frozenset({"GET"})
METHODS = {
    "customers": WRITABLE,
    "salesInvoices": WRITABLE,
    "salesInvoiceLines": WRITABLE,
    "salesCreditMemos": WRITABLE,
    "salesCreditMemoLines": WRITABLE,
    "customerPaymentJournals": WRITABLE - {"DELETE"},
    "customerPayments": WRITABLE,
    "dimensionSetLines": WRITABLE,
}
# What the page demands before it lists rows: texts of its source.
PARENT_REFUSALS = {
    "salesInvoiceLines": ("documentId", "You must specify an Id or a Document Id to get the lines."),
    "salesCreditMemoLines": ("documentId", "You must specify an Id or a Document Id to get the lines."),
    "customerPayments": (
        "journalId",
        "You must specify a journal batch ID or a journal ID to get a journal line.",
    ),
    "journalLines": (
        "journalId",
        "You must specify a journal batch ID or a journal ID to get a journal line.",
    ),
    "dimensionSetLines": ("parentId", "You must get to the parent first to get to the dimension set line."),
}
# Looked up by these, so kept in an index.
INDEXED = {
    "customers": ("number",),
    "accounts": ("number",),
    "items": ("number",),
    "dimensions": ("code",),
    "dimensionValues": ("dimensionId",),
    "salesInvoices": ("externalDocumentNumber", "number"),
    "salesCreditMemos": ("externalDocumentNumber", "number"),
    "salesInvoiceLines": ("documentId",),
    "salesCreditMemoLines": ("documentId",),
    "customerPaymentJournals": ("code",),
    "customerPayments": ("journalId", "documentNumber"),
    "journalLines": ("journalId", "documentNumber"),
    "generalLedgerEntries": ("documentNumber",),
}


def declare(key: str, text: str) -> Entity:
    set_name, name = key.split()
    return Entity(
        set_name,
        name,
        parse_properties(text),
        NAVIGATION.get(set_name, {}),
        METHODS.get(set_name, READ_ONLY),
        # Reported from a live tenant: comparing `blocked` of customers in $filter is answered with 400.
        frozenset({"blocked"} if set_name == "customers" else ()),
    )


ENTITIES = {key.split()[0]: declare(key, text) for key, text in PROPERTIES.items()}
