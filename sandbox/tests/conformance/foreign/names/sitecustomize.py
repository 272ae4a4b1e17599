"""Stands in for the machine's name resolution: FOREIGN_HOSTS=name=port,name=port sends connections to port 443 of
these hosts to a port of 127.0.0.1. Python loads it when this folder is in PYTHONPATH; TLS still asks for the name
and checks it."""

import os
import socket

PORTS = dict(pair.split("=") for pair in os.environ.get("FOREIGN_HOSTS", "").split(",") if pair)
_getaddrinfo = socket.getaddrinfo


def getaddrinfo(host, port, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    if name in PORTS and str(port) in ("443", "https"):
        host, port = "127.0.0.1", int(PORTS[name])
    return _getaddrinfo(host, port, *args, **kwargs)


socket.getaddrinfo = getaddrinfo
