"""What Service Layer says when it refuses: HTTP status, `error.code`, text (reference/sap_business_one.md, section 7).

Texts marked "assumed" are ours: the reference knows that Business One refuses, not in which words. `code` is the
technical one; Business One often puts its business number only into the text.
"""

from __future__ import annotations

from st_erp_pipelines.sandbox.odata import ODataError


class BecameDraft(ODataError):
    """An approval procedure stopped the document: the answer is that of a missing record, and yet a draft is kept."""

    def __init__(self) -> None:
        super().__init__(404, "-2028", "No matching records found (ODBC -2028)")


def refusal(code: int, text: str, status: int = 400) -> ODataError:
    return ODataError(status, str(code), text)


def not_found() -> ODataError:
    """A key that is not there, and any record that a new one names in vain."""
    return refusal(-2028, "No matching records found (ODBC -2028)", 404)


def already_exists() -> ODataError:
    return refusal(-2035, "This entry already exists in the following tables (ODBC -2035)")


def not_supported() -> ODataError:
    return refusal(-5006, "The requested action is not supported for this object.")


def unknown_path() -> ODataError:
    """As a live system answers, with 400 (seen in public projects, in v1 and v2)."""
    return refusal(200, "Unrecognized resource path.")


def bad_query(text: str) -> ODataError:
    return refusal(201, text)


def bad_body(text: str) -> ODataError:
    return refusal(-1000, text)


def unknown_property(name: str, type_name: str) -> ODataError:
    return bad_body(f"Property '{name}' of '{type_name}' is invalid")


def too_long(name: str, type_name: str) -> ODataError:
    return bad_body(
        f"CServiceData::SetPropertyValueString failed; Value too long in property '{name}' of '{type_name}'"
    )


def not_allowed() -> ODataError:
    """Seen with its code; the text is assumed."""
    return refusal(240005, "You are not permitted to perform this action", 403)


def script(text: str) -> ODataError:
    """A company's own rule (SBO_SP_TransactionNotification): its own number and text; the code is recalled."""
    return refusal(-1116, text)


def stale() -> ODataError:
    text = "Another user or another operation modified data; to continue, open the window again (ODBC -2039)"
    return refusal(-2039, text, 412)


def no_session() -> ODataError:
    return refusal(301, "Invalid session or session already timeout.", 401)


def no_login() -> ODataError:
    return refusal(-304, "Fail to get DB Credentials from SLD", 401)


def broken_node() -> ODataError:
    return refusal(407, "Table definition not found for '@ST'", 500)


def deadlock() -> ODataError:
    """The reference recalls the code and knows no text: assumed, in the words of SQL Server."""
    text = (
        "Transaction was deadlocked on lock resources with another process and has been chosen as the deadlock victim"
    )
    return refusal(-2038, f"{text} (ODBC -2038)", 500)


def duplicate_partner(code: str) -> ODataError:
    text = (
        f"Business partner code '{code}' already assigned to a business partner; enter a unique business partner code"
    )
    return refusal(-10, f"1320000140 - {text}")


def invalid_partner(table: str, code: str) -> ODataError:
    return refusal(-5002, f"Invalid BP code  [{table}.CardCode] , '{code}'")


def inactive_partner(table: str, code: str) -> ODataError:
    """Assumed: frozen or inactive; the reference knows that it is refused."""
    return refusal(-5002, f"Business partner '{code}' is inactive  [{table}.CardCode]")


def inactive_account(code: str) -> ODataError:
    """Assumed."""
    return refusal(-5002, f"Account '{code}' is inactive")


def control_account(code: str) -> ODataError:
    """Assumed: a control account is posted to through a business partner alone."""
    return refusal(-5002, f"Account '{code}' is a control account; select a business partner")


def blocked_account(code: str) -> ODataError:
    """Assumed."""
    return refusal(-5002, f"Account '{code}' is blocked for manual posting")


def locked_period() -> ODataError:
    return refusal(-4013, "Posting period locked; specify an alternative date")


def no_period(field: str) -> ODataError:
    return refusal(-5002, f"Date deviates from permissible range  [{field}]")


def invalid_tax_code(code: str) -> ODataError:
    return refusal(-10, f"234000286 - Specify valid tax code '{code}'")


def negative_total() -> ODataError:
    return refusal(-5002, "Document total value must be zero or greater than zero")


def closed_invoice() -> ODataError:
    return refusal(-10, "Invoice is already closed or blocked  [Message 3524-20]")


def not_updatable(field: str) -> ODataError:
    return refusal(-1029, f"[{field}] , Field cannot be updated (ODBC -1029)")


def unbalanced() -> ODataError:
    """Recalled text."""
    return refusal(-5002, "Unbalanced Transaction")


def assumed(text: str) -> ODataError:
    """A refusal that has to be there and whose words nobody has recorded."""
    return refusal(-5002, text)
