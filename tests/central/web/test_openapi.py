import subprocess
import sys

import httpx

from layover_central.web.openapi import description


async def test_the_description_covers_every_operation(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/api/v1/openapi.json")).json()
    tags = {tag["name"] for tag in schema["tags"]}
    assert sorted(path.removeprefix("/api/v1") for path in schema["paths"]) == [
        "/depots",
        "/depots/{name}",
        "/events",
        "/recordings/{transfer_id}/file",
        "/requests",
        "/requests/{request_id}",
        "/requests/{request_id}/stop",
        "/sites",
        "/sites/{label}",
        "/sites/{label}/certificate",
        "/sites/{label}/recordings",
        "/status",
        "/warnings",
    ]
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert set(operation["tags"]) <= tags
            assert "422" not in operation["responses"]
            problem = operation["responses"]["500"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/ProblemOut"}
    assert "HTTPValidationError" not in schema["components"]["schemas"]
    assert "code" in schema["components"]["schemas"]["ProblemOut"]["properties"]


def test_it_is_printed_the_same_without_a_central() -> None:
    command = [sys.executable, "-m", "layover_central.web.openapi"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert printed == description()
