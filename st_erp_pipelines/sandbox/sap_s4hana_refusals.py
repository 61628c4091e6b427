"""What SAP S/4HANA refuses, and how it says so in JSON.

The shape of the body is verified. Codes are message classes and numbers as far as they are known; clients must not
go by the texts, which depend on the language.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from st_erp_pipelines.sandbox.odata import Row


class Refusal(Exception):
    """HTTP status, code and text; `details` are further messages as (severity, code, text)."""

    def __init__(self, status: int, code: str, text: str, *details: tuple[str, str, str]) -> None:
        self.status, self.code, self.text, self.details = status, code, text, details
        super().__init__(text)

    def body(self, service: str) -> Row:
        messages = [("error", self.code, self.text), *self.details]
        details = [
            {"code": code, "message": text, "propertyref": "", "severity": severity, "transition": False, "target": ""}
            for severity, code, text in messages
        ]
        application = {"component_id": "MM-PUR", "service_namespace": "/SAP/", "service_id": service}
        inner = {
            "application": application | {"service_version": "0001"},
            "transactionid": uuid.uuid4().hex.upper(),
            "timestamp": f"{datetime.now(UTC):%Y%m%d%H%M%S.%f}0",
            "Error_Resolution": {"SAP_Transaction": "", "SAP_Note": "See SAP Note 1797736 for error analysis"},
            "errordetails": details,
        }
        message = {"lang": "en", "value": self.text}
        return {"error": {"code": self.code, "message": message, "innererror": inner}}


# --- queries and paths -----------------------------------------------------------------------------------


def bad_query(text: str) -> Refusal:
    return Refusal(400, "005056A509B11EE1B9A8FEC11C21D78E", text)


def bad_literal(sign: str, position: int) -> Refusal:
    text = f"Invalid parametertype used at function '{sign}' (Position: {position})"
    return Refusal(400, "005056A509B11EE1BB8AF4A65EC3CA20", text)


def unknown_property(name: str, type_name: str) -> Refusal:
    return bad_query(f"Property {name} not found in type {type_name}")


def not_filterable(name: str) -> Refusal:
    return Refusal(400, "/IWBEP/CM_MGW_RT/176", f"Property '{name}' is neither filterable nor sortable")


def unknown_segment(name: str) -> Refusal:
    return Refusal(404, "005056A509B11EE1B9A8FEC11C21578E", f"Resource not found for the segment '{name}'")


def not_found(type_name: str) -> Refusal:
    return Refusal(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{type_name}'")


def no_service(service: str) -> Refusal:
    return Refusal(403, "/IWFND/MED/170", f"No service found for namespace '', name '{service}', version '0001'")


def no_authority(method: str, name: str) -> Refusal:
    return Refusal(403, "/IWBEP/CM_MGW_RT/004", f"No authorization for {method} of {name}")


def not_allowed(method: str) -> Refusal:
    return Refusal(405, "/IWFND/CM_CORE/016", f"Method '{method}' is not allowed for this resource")


def not_implemented(method: str, name: str) -> Refusal:
    text = f"Method '{name.upper()[:14]}_{method}_ENTITY' not implemented in data provider class"
    return Refusal(501, "/IWBEP/CM_MGW_RT/021", text)


# --- bodies and preconditions ----------------------------------------------------------------------------


def bad_body(text: str) -> Refusal:
    return Refusal(400, "/IWBEP/CM_MGW_RT/022", text)


def bad_value(name: str, value: object) -> Refusal:
    return Refusal(400, "005056A509B11ED1BDCCF46F1B1AE9A9", f"Property '{name}' has invalid value '{value}'")


def unsupported_media() -> Refusal:
    return Refusal(415, "/IWFND/CM_CORE/045", "Unsupported media type requested")


def precondition_required() -> Refusal:
    return Refusal(428, "SADL_ENTITY_RUNTIME/006", "Precondition required for this request (If-Match missing)")


def precondition_failed() -> Refusal:
    return Refusal(412, "/IWBEP/CM_MGW_RT/193", "Precondition failed: the record was changed meanwhile")


def locked(name: str, key: str, status: int) -> Refusal:
    return Refusal(status, "ME/006", f"User BUYER already processing {name} {key}")


def dump(status: int, text: str) -> Refusal:
    return Refusal(status, "SY/530", text)


# --- business rules --------------------------------------------------------------------------------------


def rule(code: str, text: str) -> Refusal:
    """A rule of purchasing or of master data, among its neighbours of lesser severity."""
    return Refusal(400, code, text, ("info", "ME/303", "The document was checked"))
