"""Runs hvac's own tests against a running server.

Arguments: the folder of hvac's source, then the modules to run. The variable
LOCKKEEPER names the program whose `dev` each class of tests gets a server of, or
its `server` where the seal is tested.
Prints one JSON object: the tests that passed, failed and skipped themselves.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import types
import unittest
import warnings

import requests


def stub(name, **members):
    """A module that the tests import and that none of ours uses."""
    sys.modules[name] = types.ModuleType(name)
    for member, value in members.items():
        setattr(sys.modules[name], member, value)


def pretend_that_vault_is_there(folder):
    """The tests ask a program on the path which version of Vault it is, and have it
    decode a root token."""
    program = os.path.join(folder, "vault")
    with open(program, "w") as script:
        script.write('#!/bin/sh\ntest "$1" = operator && exec "$LOCKKEEPER" "$@"\n')
        script.write("echo 'Vault v1.18.3 (1), built 2024-12-16'\n")
    os.chmod(program, 0o755)
    os.environ["PATH"] = folder + os.pathsep + os.environ["PATH"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# The modules whose server is initialized and unsealed by hvac itself. Only such a
# server takes audit devices from clients, and shares without a token.
SEALED = {"test_audit", "test_health", "test_init", "test_key", "test_leader", "test_seal"}


def arguments(manager, port):
    if not manager.is_sealed:
        return [
            "dev",
            "-root-token=root",
            f"-listen=127.0.0.1:{port}",
            "-simulator-listen=127.0.0.1:0",
        ]
    manager.folder = tempfile.TemporaryDirectory()
    store = os.path.join(manager.folder.name, "store.db")
    config = os.path.join(manager.folder.name, "server.json")
    listener = {"tcp": {"address": f"127.0.0.1:{port}", "tls_disable": True}}
    with open(config, "w") as file:
        storage = {"sqlite": {"path": store}}
        compatibility = {"compatibility": "vault"}
        json.dump({"storage": storage, "listener": listener, **compatibility}, file)
    return ["server", f"-config={config}"]


def start(manager):
    """What hvac does with the program `vault` and a configuration file."""
    from hvac import Client

    port = free_port()
    address = f"http://127.0.0.1:{port}"
    manager.program = subprocess.Popen(
        [os.environ["LOCKKEEPER"], *arguments(manager, port)],
        stdout=subprocess.DEVNULL,
    )
    for _ in range(600):
        try:
            requests.get(f"{address}/v1/sys/health", timeout=5)
            break
        except requests.exceptions.ConnectionError:
            time.sleep(0.05)
    manager.address = address
    manager.client = Client(url=address, token=None if manager.is_sealed else "root")


def development(manager):
    manager.root_token = "root"
    manager.keys = []


def stop(manager):
    if getattr(manager, "program", None):
        manager.program.kill()
        manager.program.wait()
        manager.program = None
        if manager.is_sealed:
            manager.folder.cleanup()


class Told(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.told = {"passed": [], "failed": {}, "skipped": []}

    @staticmethod
    def name(test):
        return ".".join(test.id().split(".")[-3:])

    def addSuccess(self, test):
        self.told["passed"].append(self.name(test))

    def addSkip(self, test, reason):
        self.told["skipped"].append(self.name(test))

    def addError(self, test, error):
        self.told["failed"][self.name(test)] = str(error[1])

    addFailure = addError


def main(source, *modules):
    warnings.simplefilter("ignore")
    sys.path.insert(0, source)
    stub("ldap_test", LdapServer=None)
    from tests.utils import server_manager

    manager = server_manager.ServerManager
    theirs = manager.initialize, manager.unseal
    ours = development, lambda self: None
    manager.start, manager.stop = start, stop
    manager.get_active_vault_addresses = lambda self: [self.address]
    told = Told()
    with tempfile.TemporaryDirectory() as folder:
        pretend_that_vault_is_there(folder)
        for module in modules:
            manager.is_sealed = module.split(".")[-1] in SEALED
            manager.initialize, manager.unseal = theirs if manager.is_sealed else ours
            unittest.defaultTestLoader.loadTestsFromName(module).run(told)
    json.dump(told.told, sys.stdout)


main(*sys.argv[1:])
