"""What is written into the sandbox's SAP S/4HANA, what it refuses, and what people do there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.sandbox.sap_s4hana_client import (
    BLOCKED,
    COST_CENTERS,
    ELSEWHERE,
    INVOICES,
    ORDERS,
    PARTNERS,
    REQUISITIONS,
    SUPPLIER,
    Client,
    connected,
    new_item,
    new_order,
    new_partner,
    new_requested,
    new_requisition,
)

ORDER, ITEM = f"{ORDERS}/A_PurchaseOrder", f"{ORDERS}/A_PurchaseOrderItem"
REQUISITION, REQUESTED = f"{REQUISITIONS}/A_PurchaseRequisitionHeader", f"{REQUISITIONS}/A_PurchaseRequisitionItem"
PARTNER, INVOICE = f"{PARTNERS}/A_BusinessPartner", f"{INVOICES}/A_SupplierInvoice"
FIRST = "(PurchaseOrder='4500000001',PurchaseOrderItem='10')"
ALL = "to_PurchaseOrderItem/to_AccountAssignment,to_PurchaseOrderItem/to_ScheduleLine"


@pytest.fixture(scope="module")
def strict() -> Iterator[Client]:
    """For what is refused: it changes nothing."""
    with connected() as client:
        yield client
        state = client.state()
        assert [len(state[name]) for name in ("A_PurchaseOrder", "A_PurchaseRequisitionHeader")] == [5, 1]
        assert len(state["A_BusinessPartner"]) == 4


@pytest.fixture
def s4() -> Iterator[Client]:
    with connected() as client:
        yield client


def parts(row: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return list(row[name]["results"])


# --- orders ----------------------------------------------------------------------------------------------


def test_an_order_gets_its_numbers_and_its_stamp(s4: Client) -> None:
    begun = datetime.now(UTC)
    line = {"ScheduleLineDeliveryDate": "/Date(1792454400000)/", "ScheduleLineOrderQuantity": "3"}
    items = [new_item(to_ScheduleLine={"results": [line]}), new_item(NetPriceAmount="7.5", NetPriceQuantity="100")]
    reply = s4.write("POST", ORDER, new_order(*items, CorrespncExternalReference="AR17"))
    made = reply.json()["d"]
    assert reply.status_code == 201
    assert reply.headers["location"] == made["__metadata"]["uri"]
    assert (made["PurchaseOrder"], made["PurchaseOrderDate"]) == ("4500100000", "/Date(1791331200000)/")
    assert [item["PurchaseOrderItem"] for item in parts(made, "to_PurchaseOrderItem")] == ["10", "20"]
    (found,) = s4.rows(f"{ORDER}?$filter=CorrespncExternalReference eq 'AR17'&$expand={ALL}")
    assert int(found["LastChangeDateTime"][6:19]) >= int(begun.timestamp() * 1000)
    first, second = parts(found, "to_PurchaseOrderItem")
    assert (second["NetPriceAmount"], second["NetPriceQuantity"], second["OrderPriceUnit"]) == ("7.50", "100", "EA")
    assert parts(first, "to_AccountAssignment")[0]["CostCenter"] == "17101101"
    schedule = parts(first, "to_ScheduleLine")[0]
    assert (schedule["ScheduleLine"], schedule["ScheduleLineDeliveryDate"]) == ("1", "/Date(1792454400000)/")
    assert parts(second, "to_ScheduleLine")[0]["ScheduleLineDeliveryDate"] == found["PurchaseOrderDate"]


def test_an_order_for_a_day_that_is_over_is_warned_of_and_done(s4: Client) -> None:
    late, early = ("/Date(253402214400000)/", "/Date(1735689600000)/")
    replies = [
        s4.write("POST", ORDER, new_order(new_item(to_ScheduleLine=[{"ScheduleLineDeliveryDate": day}])))
        for day in (late, early)
    ]
    assert [reply.status_code for reply in replies] == [201, 201]
    assert "sap-message" not in replies[0].headers
    warning = json.loads(replies[1].headers["sap-message"])
    assert (warning["code"], warning["severity"]) == ("06/040", "warning")


def test_a_reference_is_no_key_there(s4: Client) -> None:
    for _ in range(2):
        s4.post(ORDER, new_order(CorrespncExternalReference="AR17"))
        s4.post(REQUISITION, new_requisition())
        s4.post(PARTNER, new_partner())
    assert len(s4.rows(f"{ORDER}?$filter=CorrespncExternalReference eq 'AR17'")) == 2
    assert len(s4.rows(f"{REQUESTED}?$filter=PurReqnExternalReference eq 'AR17'")) == 2
    assert len(s4.rows(f"{PARTNER}?$filter=BusinessPartnerIDByExtSystem eq 'ST-A-V-9'")) == 2


def test_a_material_brings_its_text_unit_and_group(s4: Client) -> None:
    item = {"Material": "COPPER-15", "Plant": "1710", "OrderQuantity": "20", "NetPriceAmount": "4.20"}
    made = s4.post(ORDER, new_order(item, DocumentCurrency=""))
    (line,) = parts(made, "to_PurchaseOrderItem")
    assert (line["PurchaseOrderItemText"], line["PurchaseOrderQuantityUnit"]) == ("Copper pipe 15 mm", "FT")
    assert made["DocumentCurrency"] == "USD"  # of the supplier


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (new_order(Supplier="17399999"), "06/321: Supplier 17399999 does not exist"),
        (new_order(Supplier="17300009"), "06/321: Supplier 17300009 does not exist"),
        (new_order(Supplier=BLOCKED), f"06/024: Supplier {BLOCKED} is blocked"),
        (new_order(Supplier=ELSEWHERE), "06/322: Supplier 17300003 not yet created by purchasing organization 1710"),
        (new_order(CompanyCode=""), "ME/083: Enter Company Code"),
        (new_order(PurchasingGroup="999"), "ME/045: Purchasing Group 999 does not exist"),
        (new_order(PurchaseOrderType="ZZ"), "ME/045: Document type ZZ does not exist"),
        (new_order() | {"to_PurchaseOrderItem": []}, "06/019: The document contains no items"),
        (new_order(new_item(Plant="")), "ME/083: Item 10: Enter Plant"),
        (new_order(new_item(Plant="9999")), "ME/045: Item 10: Plant 9999 does not exist"),
        (new_order(new_item(StorageLocation="9999")), "ME/045: Item 10: In plant 1710 storage location 9999 does"),
        (new_order(new_item(), new_item(OrderQuantity="0")), "ME/084: Item 20: Enter a quantity greater than 0"),
        (new_order(new_item(NetPriceAmount="0")), "06/217: Item 10: Net price must be greater than 0"),
        (new_order(new_item(NetPriceAmount="0.125")), "ME/211: Item 10: Amount 0.125 has too many decimal places"),
        (new_order(new_item(Material="UNKNOWN")), "ME/045: Item 10: Material UNKNOWN does not exist"),
        (new_order(new_item(MaterialGroup="")), "ME/083: Item 10: Enter Material Group"),
        (new_order(new_item(PurchaseOrderQuantityUnit="XXX")), "ME/045: Item 10: Unit of measure XXX does not exist"),
        (new_order(new_item(TaxCode="ZZ")), "ME/045: Item 10: Tax code ZZ does not exist"),
        (new_order(new_item(to_AccountAssignment=[])), "ME/063: Item 10: Enter the account assignment of category K"),
        (new_order(new_item(AccountAssignmentCategory="", to_AccountAssignment=[])), "ME/062: Item 10: Account ass"),
        (new_order(PurchaseOrderDate="2024-12-31T00:00:00"), "KI/235: Item 10: Cost center A000/17101101 does not"),
    ],
)
def test_refuses_an_order(strict: Client, body: dict[str, Any], text: str) -> None:
    assert strict.refused("POST", ORDER, body).startswith(f"400 {text}")


@pytest.mark.parametrize(
    ("center", "account", "text"),
    [
        ("17109999", "61010000", "KI/265: Item 10: Cost center A000/17109999 does not exist"),
        ("17101104", "61010000", "KI/235: Item 10: Cost center A000/17101104 does not exist on 10/07/2026"),
        ("17101103", "61010000", "KI/131: Item 10: Cost center A000/17101103 is blocked"),
        ("", "61010000", "ME/083: Item 10: Enter Cost Center"),
        ("17101102", "69999999", "ME/045: Item 10: G/L account 69999999 does not exist"),
        ("17101102", "21100000", "F5/351: Item 10: Account 21100000 is a reconciliation account"),
    ],
)
def test_refuses_an_account_assignment(strict: Client, center: str, account: str, text: str) -> None:
    item = new_item(to_AccountAssignment=[{"CostCenter": center, "GLAccount": account}])
    assert strict.refused("POST", ORDER, new_order(item)).startswith(f"400 {text}")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (new_order(CorrespncExternalReference="AR-1234567890"), "Property 'CorrespncExternalReference' has invalid"),
        (new_order(new_item(PurchaseOrderItemText="x" * 41)), "Property 'PurchaseOrderItemText' has invalid value"),
        (new_order(new_item(OrderQuantity=3)), "Property 'OrderQuantity' has invalid value '3'"),
        (new_order(new_item(OrderQuantity="3.1234")), "Property 'OrderQuantity' has invalid value '3.1234'"),
        (new_order(new_item(NetPriceAmount="1234567890.00")), "Property 'NetPriceAmount' has invalid value"),
        (new_order(new_item(OrderQuantity="three")), "Property 'OrderQuantity' has invalid value 'three'"),
        (new_order(new_item(IsReturnsItem="true")), "Property 'IsReturnsItem' has invalid value 'true'"),
        (new_order(PurchaseOrderDate="2026-10-07"), "Property 'PurchaseOrderDate' has invalid value '2026-10-07'"),
        (new_order(Supplier=17300001), "Property 'Supplier' has invalid value '17300001'"),
        (new_order(Total="1"), "Property 'Total' is invalid for type 'A_PurchaseOrderType'"),
        (new_order() | {"to_PurchaseOrderItem": "none"}, "Error while parsing 'to_PurchaseOrderItem'"),
        ([], "Error while parsing the request"),
    ],
)
def test_refuses_a_body(strict: Client, body: Any, text: str) -> None:
    assert text in strict.refused("POST", ORDER, body)


def test_refuses_what_is_no_json_and_what_it_does_not_offer(strict: Client) -> None:
    strict.fetch()
    headers = {"x-csrf-token": strict.token, "Content-Type": "application/atom+xml"}
    assert strict.http.post(f"/sap/opu/odata/sap/{ORDER}", content="<entry/>", headers=headers).status_code == 415
    headers["Content-Type"] = "application/json"
    assert strict.http.post(f"/sap/opu/odata/sap/{ORDER}", content="{", headers=headers).status_code == 400
    assert strict.refused("POST", f"{COST_CENTERS}/A_CostCenter", {}).startswith("405 ")
    assert strict.refused("POST", f"{PARTNERS}/A_Supplier", {}).startswith("405 ")
    assert strict.refused("DELETE", f"{PARTNER}('17300001')").startswith("405 ")
    assert strict.refused("PATCH", f"{INVOICE}(SupplierInvoice='5105600001',FiscalYear='2026')", {}).startswith("405 ")
    assert strict.refused("PUT", f"{ORDER}('4500000001')", {}).startswith("501 ")


# --- changes ---------------------------------------------------------------------------------------------


def test_a_change_needs_the_etag_of_what_was_read(s4: Client) -> None:
    path, body = f"{ITEM}{FIRST}", {"NetPriceAmount": "11.00"}
    tag = s4.get(path)["__metadata"]["etag"]
    assert s4.refused("PATCH", path, body).startswith("428 SADL_ENTITY_RUNTIME/006")
    s4.patch(path, body, tag)
    assert s4.refused("PATCH", path, body, if_match=tag).startswith("412 ")
    assert s4.refused("PATCH", f"{PARTNER}('{SUPPLIER}')", {"SearchTerm1": "X"}).startswith("428 ")
    s4.patch(path, {"NetPriceAmount": "12.00"}, s4.send("GET", f"{ORDER}('4500000001')").headers["etag"])
    assert s4.get(path)["NetPriceAmount"] == "12.00"


def test_merge_may_come_in_a_tunnel(s4: Client) -> None:
    path = f"{ORDER}('4500000001')"
    assert s4.write("MERGE", path, {"CorrespncInternalReference": "J-1"}, if_match="*").status_code == 204
    tunnelled = s4.write("POST", path, {"PaymentTerms": "NT30"}, if_match="*", x_http_method="MERGE")
    assert tunnelled.status_code == 204
    row = s4.get(path)
    assert (row["CorrespncInternalReference"], row["PaymentTerms"]) == ("J-1", "NT30")


def test_a_changed_quantity_is_that_of_its_schedule_line_and_moves_the_stamp_of_the_order(s4: Client) -> None:
    before = s4.get(f"{ORDER}('4500000001')")["LastChangeDateTime"]
    s4.patch(f"{ITEM}{FIRST}", {"OrderQuantity": "4"})
    item = s4.get(f"{ITEM}{FIRST}?$expand=to_ScheduleLine")
    assert parts(item, "to_ScheduleLine")[0]["ScheduleLineOrderQuantity"] == "4"
    assert s4.get(f"{ORDER}('4500000001')")["LastChangeDateTime"] > before
    assert s4.refused("PATCH", f"{ITEM}{FIRST}", {"OrderQuantity": "0"}, if_match="*").startswith("400 ME/084")
    assert s4.get(f"{ITEM}{FIRST}")["OrderQuantity"] == "4"


def test_a_deleted_order_stays_with_its_mark(s4: Client) -> None:
    assert s4.write("DELETE", f"{ITEM}{FIRST}", if_match="*").status_code == 204
    items = s4.rows(f"{ORDER}('4500000001')/to_PurchaseOrderItem")
    assert [item["PurchasingDocumentDeletionCode"] for item in items] == ["L", ""]
    assert s4.write("DELETE", f"{ORDER}('4500000001')", if_match="*").status_code == 204
    order = s4.get(f"{ORDER}('4500000001')?$expand=to_PurchaseOrderItem")
    marks = [item["PurchasingDocumentDeletionCode"] for item in parts(order, "to_PurchaseOrderItem")]
    assert (order["PurchasingDocumentDeletionCode"], marks) == ("", ["L", "L"])


def test_a_document_may_be_locked(s4: Client) -> None:
    s4.control("set", {"locked": {"4500000001": 423, SUPPLIER: 400}})
    assert s4.refused("PATCH", f"{ITEM}{FIRST}", {}, if_match="*").startswith("423 ME/006: User BUYER already")
    assert s4.refused("PATCH", f"{PARTNER}('{SUPPLIER}')", {}, if_match="*").startswith("400 ME/006")


# --- requisitions ----------------------------------------------------------------------------------------


def test_a_requisition_is_made_or_only_checked(s4: Client) -> None:
    tried = s4.post(REQUISITION, new_requisition(PurReqnDoOnlyValidation=True))
    assert tried["PurchaseRequisition"] == ""
    assert s4.rows(f"{REQUESTED}?$filter=PurReqnExternalReference eq 'AR17'") == []
    made = s4.post(REQUISITION, new_requisition(new_requested(), new_requested(PurReqnItemExternalReference="2")))
    assert made["PurchaseRequisition"] == "10100000"
    first, second = s4.rows(f"{REQUESTED}?$filter=PurReqnExternalReference eq 'AR17'&$expand=to_PurchaseReqnAcctAssgmt")
    assert (first["PurchaseRequisitionItem"], second["PurReqnItemExternalReference"]) == ("10", "2")
    assert (first["DeliveryDate"], first["PurReqnReleaseStatus"]) == ("/Date(1792454400000)/", "02")
    assert parts(first, "to_PurchaseReqnAcctAssgmt")[0]["CostCenter"] == "17101101"


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (new_requested(RequestedQuantity="0"), "ME/084: Item 10: Enter a quantity greater than 0"),
        (new_requested(DeliveryDate=None), "ME/083: Enter Delivery Date"),
        (new_requested(Supplier=BLOCKED), f"06/024: Supplier {BLOCKED} is blocked"),
        (new_requested(Material="UNKNOWN"), "ME/045: Item 10: Material UNKNOWN does not exist"),
        (new_requested(PurReqnExternalReference="x" * 36), "005056A509B11ED1BDCCF46F1B1AE9A9: Property"),
    ],
)
def test_refuses_a_requisition(strict: Client, item: dict[str, Any], text: str) -> None:
    for rest in ({}, {"PurReqnDoOnlyValidation": True}):
        assert strict.refused("POST", REQUISITION, new_requisition(item, **rest)).startswith(f"400 {text}")


def test_a_buyer_makes_an_order_of_it(s4: Client) -> None:
    number = s4.post(REQUISITION, new_requisition(new_requested(), new_requested()))["PurchaseRequisition"]
    since = s4.rows(f"{REQUESTED}?$filter=PurchaseRequisition eq '{number}'")[1]["LastChangeDateTime"]
    made = s4.control("order", {"requisition": number, "items": ["20"], "head": {"PurchaseOrderType": "ZREC"}})
    first, second = s4.rows(f"{REQUESTED}?$filter=PurchaseRequisition eq '{number}'")
    assert (first["PurchasingDocument"], second["PurchasingDocument"]) == ("", made["PurchaseOrder"])
    assert (second["PurchasingDocumentItem"], second["ProcessingStatus"]) == ("10", "B")
    assert second["LastChangeDateTime"] >= since
    (item,) = s4.rows(f"{ORDER}('{made['PurchaseOrder']}')/to_PurchaseOrderItem?$expand=to_ScheduleLine")
    assert (item["PurchaseRequisition"], item["PurchaseRequisitionItem"]) == (number, "20")
    assert parts(item, "to_ScheduleLine")[0]["ScheduleLineDeliveryDate"] == second["DeliveryDate"]


def test_what_is_new_may_need_a_release(s4: Client) -> None:
    s4.control("set", {"orders_need_release": True, "requisitions_need_release": True})
    order = s4.post(ORDER, new_order())
    assert (order["PurchasingProcessingStatus"], order["ReleaseIsNotCompleted"]) == ("03", True)
    (item,) = parts(s4.post(REQUISITION, new_requisition()), "to_PurchaseReqnItem")
    assert (item["PurReqnReleaseStatus"], item["ReleaseIsNotCompleted"]) == ("03", True)
    release = {"PurchasingProcessingStatus": "05", "ReleaseIsNotCompleted": False}
    s4.control("edit", {"set": "A_PurchaseOrder", "key": order["PurchaseOrder"], "changes": release})
    assert s4.get(f"{ORDER}('{order['PurchaseOrder']}')")["PurchasingProcessingStatus"] == "05"


# --- partners --------------------------------------------------------------------------------------------


def test_a_partner_becomes_a_supplier_of_the_same_number(s4: Client) -> None:
    made = s4.post(PARTNER, new_partner())
    number = made["BusinessPartner"]
    assert (number, made["Supplier"], made["LastChangeDate"]) == ("17400000", number, None)
    expand = "to_Supplier/to_SupplierPurchasingOrg,to_BusinessPartnerAddress/to_AddressUsage"
    row = s4.get(f"{PARTNER}('{number}')?$expand={expand}")
    assert (row["BusinessPartnerFullName"], row["to_Supplier"]["SupplierName"]) == ("New & Co", "New & Co")
    (usage,) = parts(parts(row, "to_BusinessPartnerAddress")[0], "to_AddressUsage")
    assert (usage["AddressUsage"], usage["ValidityEndDate"]) == ("XXDEFAULT", "/Date(253402300799000+0000)/")
    assert s4.post(ORDER, new_order(Supplier=number))["Supplier"] == number


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (new_partner(OrganizationBPName1=""), "ME/083: Enter the name"),
        (new_partner(BusinessPartnerGrouping="ZZ"), "ME/045: Grouping ZZ does not exist"),
        (new_partner() | {"BusinessPartner": "17500000"}, "R1/108: Grouping BP02: internal number assignment"),
        (new_partner(to_BusinessPartnerRole=[]), "CVI_API/012: A supplier needs a business partner role"),
        (
            new_partner(to_BusinessPartnerRole=[{"BusinessPartnerRole": "FLVN00"}]),
            "CVI_API/013: The purchasing data of a supplier need the role FLVN01",
        ),
        (new_partner(to_BusinessPartnerAddress=[{"Country": ""}]), "ME/083: Enter the country/region"),
        (new_partner(to_BusinessPartnerAddress=[{"Country": "US", "Region": "TEX"}]), "ME/045: In country US"),
        (new_partner(to_BusinessPartnerAddress=[{"Country": "US", "PostalCode": "787"}]), "AM/081: Postal code 787"),
    ],
)
def test_refuses_a_partner(strict: Client, body: dict[str, Any], text: str) -> None:
    assert strict.refused("POST", PARTNER, body).startswith(f"400 {text}")


def test_only_a_change_of_the_partner_itself_moves_its_date(s4: Client) -> None:
    path = f"{PARTNER}('{BLOCKED}')"
    tag = s4.get(path)["__metadata"]["etag"]
    (address,) = s4.rows(f"{path}/to_BusinessPartnerAddress")
    s4.patch(address["__metadata"]["uri"], {"CityName": "Dallas"}, tag)
    assert s4.get(path)["LastChangeDate"] is None
    assert s4.get(path)["__metadata"]["etag"] != tag
    s4.patch(path, {"OrganizationBPName1": "Renamed"})
    row = s4.get(f"{path}?$expand=to_Supplier")
    assert row["LastChangeDate"].startswith("/Date(")
    assert row["LastChangeTime"].startswith("PT")
    assert row["to_Supplier"]["SupplierName"] == "Renamed"


@pytest.mark.parametrize("by", ["central", "purchasing", "deletion", "organization", "organization deletion"])
def test_a_person_blocks_a_supplier_and_frees_it(s4: Client, by: str) -> None:
    s4.control("block", {"supplier": SUPPLIER, "by": by})
    assert s4.refused("POST", ORDER, new_order()).startswith("400 06/")
    s4.control("block", {"supplier": SUPPLIER, "by": by, "off": True})
    s4.post(ORDER, new_order())


# --- what people do --------------------------------------------------------------------------------------


def test_a_person_adds_what_was_changed_now(s4: Client) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    s4.control("add", {"set": "A_PurchaseOrder", "values": {"Supplier": BLOCKED, "PurchaseOrderDate": "2026-10-09"}})
    (order,) = s4.rows(f"{ORDER}?$filter=LastChangeDateTime ge datetimeoffset'{now}Z'")
    assert (order["PurchaseOrder"], order["PurchaseOrderDate"]) == ("4500100000", "/Date(1791504000000)/")
    stamp = now.translate({ord(sign): None for sign in "-T:"})
    s4.control("add", {"set": "A_SupplierInvoice", "values": {"CompanyCode": "1710", "InvoiceGrossAmount": 5}})
    (invoice,) = s4.rows(f"{INVOICE}?$filter=SuplrInvcLstChgDteTmeTxt ge '{stamp}'")
    assert (invoice["SupplierInvoiceStatus"], invoice["InvoiceGrossAmount"]) == ("5", "5.00")


def test_a_person_edits_a_part_and_the_stamp_moves_or_not(s4: Client) -> None:
    def stamp() -> str:
        return str(s4.get(f"{ORDER}('4500000001')")["LastChangeDateTime"])

    def edit(changes: dict[str, Any], **rest: Any) -> None:
        key = ["4500000001", "10"]
        s4.control("edit", {"set": "A_PurchaseOrderItem", "key": key, "changes": changes} | rest)

    before = stamp()
    edit({"IsFinallyInvoiced": True})
    edit({"Plant": "1720"}, stamp=False)
    assert stamp() == before
    line = {"ScheduleLineDeliveryDate": "2026-11-30", "ScheduleLineOrderQuantity": "2"}
    edit({"to_ScheduleLine": [line, line | {"ScheduleLineDeliveryDate": "2026-12-05"}]})
    assert stamp() > before
    lines = s4.rows(f"{ITEM}{FIRST}/to_ScheduleLine")
    assert [row["ScheduleLine"] for row in lines] == ["1", "2"]


def test_a_person_deletes_items_and_archives_a_record(s4: Client) -> None:
    s4.control("delete", {"order": "4500000002", "items": ["20"]})
    items = s4.rows(f"{ORDER}('4500000002')/to_PurchaseOrderItem")
    assert [item["PurchasingDocumentDeletionCode"] for item in items] == ["", "L"]
    s4.control("remove", {"set": "A_PurchaseOrder", "key": "4500000002"})
    assert s4.refused("GET", f"{ORDER}('4500000002')").startswith("404 ")


def test_a_person_ends_a_cost_center(s4: Client) -> None:
    changes = {"ValidityEndDate": "2026-09-30"}
    s4.control("edit", {"set": "A_CostCenter", "key": ["A000", "17101101", "9999-12-31"], "changes": changes})
    (row,) = s4.rows(f"{COST_CENTERS}/A_CostCenter?$filter=CostCenter eq '17101101'&$expand=to_Text")
    assert row["ValidityEndDate"] == parts(row, "to_Text")[0]["ValidityEndDate"] == "/Date(1790726400000)/"
    assert s4.refused("POST", ORDER, new_order()).startswith("400 KI/235")


def test_a_person_reverses_an_invoice_once(s4: Client) -> None:
    made = s4.control("reverse", {"invoice": "5105600001", "year": "2026"})
    original, reversal = s4.rows(f"{INVOICE}?$expand=to_SuplrInvcItemPurOrdRef&$orderby=SupplierInvoice")
    assert (original["IsReversed"], original["ReverseDocument"], original["IsReversal"]) == (True, "", False)
    assert (reversal["SupplierInvoice"], reversal["IsReversal"]) == (made["SupplierInvoice"], True)
    assert (reversal["ReverseDocument"], reversal["ReverseDocumentFiscalYear"]) == ("5105600001", "2026")
    assert reversal["SupplierInvoiceIsCreditMemo"] == "X"
    (line,) = parts(reversal, "to_SuplrInvcItemPurOrdRef")
    assert line["SupplierInvoice"] == made["SupplierInvoice"]
    assert original["SuplrInvcLstChgDteTmeTxt"] == reversal["SuplrInvcLstChgDteTmeTxt"] > "20261006"
    again = s4.http.post("/_control/sap_s4hana/reverse", json={"invoice": "5105600001", "year": "2026"})
    assert again.status_code == 400


def test_what_was_asked_is_counted(s4: Client) -> None:
    with pytest.raises(AssertionError):
        s4.post(ORDER, new_order(Supplier=BLOCKED))
    s4.patch(f"{ITEM}{FIRST}", {"TaxCode": "I1"})
    assert s4.state()["asked"] == {"POST A_PurchaseOrder": 1, "PATCH A_PurchaseOrderItem": 1}
    entries = [entry for entry in s4.http.get("/_control/log").json() if entry["method"] in ("POST", "PATCH")]
    assert [entry["committed"] for entry in entries] == [False, True]


def test_a_write_that_comes_late_is_done_all_the_same(s4: Client) -> None:
    s4.fetch()
    s4.http.post("/_control/faults", json={"kind": "late_commit", "method": "POST", "seconds": 250})
    with pytest.raises(httpx.ReadTimeout):
        s4.http.request(
            "POST",
            f"/sap/opu/odata/sap/{ORDER}",
            json=new_order(CorrespncExternalReference="LATE"),
            headers={"x-csrf-token": s4.token},
            timeout=0.1,
        )
    for _ in range(100):
        time.sleep(0.02)
        if s4.rows(f"{ORDER}?$filter=CorrespncExternalReference eq 'LATE'"):
            return
    raise AssertionError("it never came")
