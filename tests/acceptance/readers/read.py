"""Reads files as programs in Python do, and compares what they say.

Arguments: the form, and a file of JSON lines {"text": ..., "expect": {...}}.
"""

import base64
import json
import pathlib
import sys
import tempfile

import dotenv
import yaml


def from_dotenv(text, folder):
    path = folder / ".env"
    path.write_bytes(text.encode("utf-8"))
    yield dict(dotenv.dotenv_values(path))


def from_json(text, _):
    yield json.loads(text)


def documents(text):
    yield yaml.load(text, Loader=yaml.SafeLoader)
    # libyaml, on which the readers of many other languages stand.
    yield yaml.load(text, Loader=yaml.CSafeLoader)


def from_kubernetes(text, _):
    for document in documents(text):
        data = document.pop("data")
        assert document == {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "1234"},
            "type": "Opaque",
        }, document
        yield {
            name: base64.b64decode(value, validate=True).decode("utf-8")
            for name, value in data.items()
        }


def from_spring(text, _):
    for document in documents(text):
        yield flat(document)


def flat(node, name=""):
    if not isinstance(node, dict):
        return {name: node}
    found = {}
    for key, inner in node.items():
        found.update(flat(inner, f"{name}.{key}" if name else key))
    return found


FORMS = {
    "dotenv": from_dotenv,
    "json": from_json,
    "kubernetes": from_kubernetes,
    "spring-yaml": from_spring,
}


def main(form, cases):
    read = wrong = 0
    with tempfile.TemporaryDirectory() as folder, open(cases, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            try:
                found = list(FORMS[form](case["text"], pathlib.Path(folder)))
            except Exception as error:
                found = [f"{type(error).__name__}: {error}"]
            read += 1
            if any(fields != case["expect"] for fields in found):
                wrong += 1
                print("wrong:", json.dumps(case), json.dumps(found))
    print(f"{read} read, {wrong} wrong")


main(*sys.argv[1:])
