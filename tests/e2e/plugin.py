"""The engine's side of a component plugin: starts its process, answers as engine and monitor, and asks it over gRPC."""

import os
import subprocess
import sys
import threading
from concurrent import futures
from contextlib import contextmanager

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import (
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    resource_pb2_grpc,
)

from .conftest import ROOT, clean_environment

PROJECT, STACK = "shop", "dev"
STACK_URN = f"urn:pulumi:{STACK}::{PROJECT}::pulumi:pulumi:Stack::{PROJECT}-{STACK}"
SECRET = {rpc._special_sig_key: rpc._special_secret_sig}


def secret(value):
    """A value as the engine sends a secret."""
    return {**SECRET, "value": value}


UNKNOWN = rpc.UNKNOWN


class Engine:
    """Takes what the plugin logs."""

    def Log(self, _request):  # noqa: N802 - the SDK's name
        return empty_pb2.Empty()


class Recorder(mocks.MockMonitor):
    """A monitor that keeps every registration and makes ids and a few outputs up."""

    def __init__(self):
        super().__init__(None)
        self.made = {}
        self.outputs = {}

    def make_urn(self, _parent, type_, name):
        return f"urn:pulumi:{STACK}::{PROJECT}::{type_}::{name}"

    def RegisterResource(self, request):  # noqa: N802 - the SDK's name
        urn = self.make_urn("", request.type, request.name)
        inputs = json_format.MessageToDict(request.object)
        self.made[urn] = {
            "custom": request.custom,
            "parent": request.parent.split("::")[-2] if request.parent else "",
            "inputs": inputs,
            "dependencies": sorted(request.dependencies),
            "retained": request.retainOnDelete,
            "protected": request.protect,
            "version": request.version,
        }
        known = {"urls": ["https://0123abcd-ai-proxy-dev.acme.workers.dev"]} if "Version" in request.type else {}
        response = mocks.resource_pb2.RegisterResourceResponse(urn=urn, id=f"id-{request.name}")
        json_format.ParseDict({**inputs, **known}, response.object)
        return response

    def RegisterResourceOutputs(self, request):  # noqa: N802 - the SDK's name
        self.outputs[request.urn] = json_format.MessageToDict(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request):  # noqa: N802 - the SDK's name
        zone = json_format.MessageToDict(request.args)["filter"]["name"]
        answer = json_format.ParseDict({"id": f"zone-of-{zone}"}, struct_pb2.Struct())
        return mocks.resource_pb2.ResourceInvokeResponse(**{"failures": None, "return": answer})


def _served(servicer, monitor):
    """A class of gRPC methods that ask ``monitor``, which has the same methods without a context."""

    def method(name):
        return lambda _self, request, _context: getattr(monitor, name)(request)

    names = [name for name in vars(servicer) if not name.startswith("_") and hasattr(monitor, name)]
    return type("Served", (servicer,), {name: method(name) for name in names})()


class Plugin:
    """A running plugin: ``schema()``, ``construct()``; ``said`` is what it wrote to stderr."""

    def __init__(self, stub, said):
        self._stub = stub
        self._endpoint = None
        self.said = said

    def schema(self):
        return self._stub.GetSchema(provider_pb2.GetSchemaRequest(version=0), timeout=60).schema

    def construct(self, inputs, *, monitor, name="proxy", token="edgewright:index:EdgeProxy", preview=False):
        """State and urn of a component whose children are registered with ``monitor``."""
        with _listening(_adder(resource_pb2_grpc, "ResourceMonitor", monitor)) as endpoint:
            request = provider_pb2.ConstructRequest(
                project=PROJECT,
                stack=STACK,
                type=token,
                name=name,
                parent=STACK_URN,
                monitorEndpoint=endpoint,
                dryRun=preview,
            )
            json_format.ParseDict(inputs, request.inputs)
            answer = self._stub.Construct(request, timeout=120)
        return json_format.MessageToDict(answer.state), answer.urn


def _adder(module, name, held):
    servicer = _served(getattr(module, f"{name}Servicer"), held)
    return lambda server: getattr(module, f"add_{name}Servicer_to_server")(servicer, server)


@contextmanager
def _listening(*adders):
    server = grpc.server(futures.ThreadPoolExecutor(8))
    for add in adders:
        add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@contextmanager
def started(folder=ROOT, **environment):
    """The plugin in ``folder``, started as Pulumi's Python host starts it: ``python FOLDER ENGINE``."""
    with _listening(_adder(engine_pb2_grpc, "Engine", Engine())) as engine:
        kept = {key: value for key, value in clean_environment(**environment).items() if key != "PYTHONPATH"}
        process = subprocess.Popen(
            [sys.executable, os.fspath(folder), engine, "--logtostderr"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=kept,
            cwd="/",
        )
        said = []
        reader = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
        reader.start()
        try:
            port = process.stdout.readline().strip()
            assert port.isdigit(), f"no port: {''.join(said)}"
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Plugin(provider_pb2_grpc.ResourceProviderStub(channel), said)
        finally:
            process.terminate()
            process.wait(20)
            reader.join(5)
            process.stdout.close()
            process.stderr.close()
