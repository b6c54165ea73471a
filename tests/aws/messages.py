"""Requests and answers of EC2's query protocol."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15"
ET.register_namespace("", NAMESPACE)
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """One request.

    :param process: of the client, when it says so in a header.
    """

    service: str
    region: str
    action: str
    parameters: dict[str, str]
    process: int | None = None

    @classmethod
    def read(cls, environ, body: bytes) -> Call:
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return cls(
            scope[2] if scope else "",
            scope[1] if scope else "",
            parameters.get("Action", ""),
            parameters,
            int(environ.get("HTTP_X_PROCESS", 0)) or None,
        )

    def list(self, name: str) -> list[str]:
        """The values of a parameter that may be given several times."""
        found = []
        while f"{name}.{len(found) + 1}" in self.parameters:
            found.append(self.parameters[f"{name}.{len(found) + 1}"])
        return found

    def body(self, **changes: str | None) -> bytes:
        """The request's body with other parameters."""
        parameters = {**self.parameters, **changes}
        return urlencode({name: value for name, value in parameters.items() if value is not None}).encode()


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


class Refused(Exception):
    """An error that EC2 answers with."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message

    def answer(self, service: str = "ec2") -> Answer:
        if service == "sts":
            root = ET.Element("ErrorResponse")
            error = ET.SubElement(root, "Error")
        else:
            root = ET.Element("Response")
            error = ET.SubElement(ET.SubElement(root, "Errors"), "Error")
        ET.SubElement(error, "Code").text = self.code
        ET.SubElement(error, "Message").text = self.message
        ET.SubElement(root, "RequestID").text = "7a62c49f-347e-4fc4-9331-6e8eEXAMPLE"
        return Answer(self.status, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def page(items: list, call: Call, most: int) -> tuple[list, str | None]:
    """The items of the wanted page, and the token of the next one."""
    token = call.parameters.get("NextToken")
    try:
        start = int(base64.b64decode(token, validate=True)) if token else 0
    except ValueError:
        raise Refused(400, "InvalidNextToken", "The token is not valid.") from None
    size = int(call.parameters.get("MaxResults", most))
    end = start + size
    return items[start:end], (base64.b64encode(str(end).encode()).decode() if end < len(items) else None)


def set_text(root: ET.Element, name: str, text: str | None) -> None:
    """Give an answer a field, or take it away."""
    for found in root.findall(f"{{{NAMESPACE}}}{name}"):
        root.remove(found)
    if text is not None:
        ET.SubElement(root, f"{{{NAMESPACE}}}{name}").text = text


def find_all(element: ET.Element, path: str) -> list[ET.Element]:
    return element.findall("/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/")))


def text_of(element: ET.Element, path: str) -> str:
    found = find_all(element, path)
    return (found[0].text or "") if found else ""


def encode_refusal(action: str, resource: str) -> str:
    context = {
        "principal": {"arn": "arn:aws:iam::123456789012:role/airflow"},
        "action": action,
        "resource": resource,
    }
    text = json.dumps({"allowed": False, "explicitDeny": False, "context": context})
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode_refusal(encoded: str) -> str:
    return base64.urlsafe_b64decode(encoded).decode()
