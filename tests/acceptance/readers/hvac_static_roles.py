"""Uses static roles through hvac as its users do, in the terms of three engines.

Arguments: the address of a server, a token, a mount, and two static roles. Prints
what it got as one JSON object.
"""

import json
import sys

import hvac


def outcome(answer):
    """204 where a rotation is done, or the warnings of the answer that it goes on."""
    return answer["warnings"] if isinstance(answer, dict) else answer.status_code


def main(address, token, mount, of_database, of_ldap):
    client = hvac.Client(url=address, token=token)
    database, ldap = client.secrets.database, client.secrets.ldap
    told = {}

    told["database"] = {
        "roles": database.list_static_roles(mount_point=mount)["data"]["keys"],
        "role": database.read_static_role(of_database, mount_point=mount)["data"],
        "first": database.get_static_credentials(of_database, mount_point=mount),
        "rotated": outcome(
            database.rotate_static_role_credentials(of_database, mount_point=mount)
        ),
    }
    told["ldap"] = {
        "roles": ldap.list_static_roles(mount_point=mount)["data"]["keys"],
        "role": ldap.read_static_role(of_ldap, mount_point=mount)["data"],
        "first": ldap.generate_static_credentials(of_ldap, mount_point=mount),
        "rotated": outcome(ldap.rotate_static_credentials(of_ldap, mount_point=mount)),
    }

    # A rotation goes on by itself.
    def after(read, first):
        while True:
            data = read()["data"]
            if data["key_id"] != first["data"]["key_id"]:
                return data

    told["database"]["second"] = after(
        lambda: database.get_static_credentials(of_database, mount_point=mount),
        told["database"]["first"],
    )
    told["ldap"]["second"] = after(
        lambda: ldap.generate_static_credentials(of_ldap, mount_point=mount),
        told["ldap"]["first"],
    )

    kv = client.secrets.kv.v2
    told["kv"] = {
        "roles": kv.list_secrets(path="", mount_point=mount)["data"]["keys"],
        "secret": kv.read_secret_version(of_database, mount_point=mount)["data"],
        "first": kv.read_secret_version(of_database, version=1, mount_point=mount)["data"],
        "metadata": kv.read_secret_metadata(of_database, mount_point=mount)["data"],
    }

    told["database"]["deleted"] = database.delete_static_role(
        of_database, mount_point=mount
    ).status_code
    told["ldap"]["deleted"] = ldap.delete_static_role(of_ldap, mount_point=mount).status_code
    gone = []
    for read, name in (
        (database.get_static_credentials, of_database),
        (ldap.generate_static_credentials, of_ldap),
    ):
        try:
            read(name, mount_point=mount)
        except hvac.exceptions.InvalidRequest as refusal:
            gone.append(refusal.errors)
    told["gone"] = gone
    try:
        kv.read_secret_version(of_database, mount_point=mount)
    except hvac.exceptions.InvalidPath as absent:
        told["kv"]["gone"] = str(absent)
    print(json.dumps(told))


main(*sys.argv[1:])
