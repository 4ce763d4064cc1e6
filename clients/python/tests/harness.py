"""Workers to test against: the real program, and one that is made of answers."""

import atexit
import contextlib
import functools
import os
import re
import signal
import subprocess
import tempfile
import time
from concurrent import futures
from pathlib import Path

import grpc

import frameport

REPOSITORY = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("FRAMEPORT_BINARY", str(REPOSITORY / "build" / "frameport"))

GPUSIM = str(REPOSITORY / "build" / "gpusim")
"""Where the simulated GPU's driver is."""
CUDA = f"{GPUSIM}/libcuda.so.1"

PATIENCE = 60.0
"""Bounds every wait, in seconds. Nothing passes because it took long."""


class Program:
    """A running frameport."""

    def __init__(self, arguments, pattern):
        self._log = tempfile.NamedTemporaryFile(prefix="frameport-", suffix=".log")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FRAMEPORT_")}
        environment["FRAMEPORT_NO_RATIONING"] = "true"  # a busy machine is no overload
        self.process = subprocess.Popen(
            [BINARY, *arguments], stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, env=environment
        )
        found = until(lambda: re.search(pattern, self.output()) or self.process.poll() is not None, "an address")
        if found is True:
            raise AssertionError(f"frameport {' '.join(arguments)} ended:\n{self.output()}")
        self.found = found.groupdict()

    def output(self):
        with open(self._log.name, encoding="utf-8") as log:
            return log.read()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(PATIENCE)
        self._log.close()


@functools.lru_cache(maxsize=None)
def demo():
    """Returns the worker that most tests share: four synthetic cameras, as `make demo` has them."""
    folder = tempfile.TemporaryDirectory(prefix="frameport-demo-")
    program = Program(
        ["demo", "--backend=cpu", "--output-dir", folder.name]
        + [f"--{side}-address=127.0.0.1:0" for side in ("grpc", "http", "rtsp")],
        r"(?P<rtsp>rtsp://\S+),.* gRPC (?P<grpc>\S+) ",
    )
    atexit.register(folder.cleanup)
    atexit.register(program.stop)
    return program


def address():
    """Returns the address of the shared worker."""
    return demo().found["grpc"]


def url(camera="workshop"):
    """Returns the address of a synthetic camera: by default the one of MJPEG, which has a
    first frame at once."""
    return f"{demo().found['rtsp']}/{camera}"


def serve(grpc_address="127.0.0.1:0", backend="cpu", *more):
    """Returns a worker of one's own, without cameras."""
    return Program(
        ["serve", "--camera-loopback", f"--backend={backend}", "--state-dir=", "--http-address=off", "--log-format=json",
         f"--grpc-address={grpc_address}", *more],
        r'"msg":"serving".*"grpc":"(?P<grpc>[^"]+)"',
    )


@functools.lru_cache(maxsize=None)
def gpu():
    """Returns a worker on the simulated GPU, with one camera, "street" of the demo, that has
    two frames a second."""
    program = serve("127.0.0.1:0", "cuda", f"--gpu-library-path={GPUSIM}")
    atexit.register(program.stop)
    with frameport.Client(program.found["grpc"]) as client:
        client.add_camera("street", url("street"), max_fps=2)
        client.latest("street", "jpeg", wait=PATIENCE)
    return program


@contextlib.contextmanager
def added(client, name, source=None, **settings):
    """Adds a camera for a while."""
    client.add_camera(name, source or url(), **settings)
    try:
        yield name
    finally:
        with contextlib.suppress(LookupError):
            client.remove_camera(name)


def until(condition, what):
    """Waits for a condition and returns what it returned."""
    deadline = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)


@contextlib.contextmanager
def fake(register, *servicers, address="127.0.0.1:0"):
    """Runs a gRPC server of the given servicers; yields its address."""
    server = grpc.server(futures.ThreadPoolExecutor(8))
    if register is not None:
        for servicer in servicers:
            register(servicer, server)
    port = server.add_insecure_port(address)
    server.start()
    try:
        yield address if address.startswith("unix:") else f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
