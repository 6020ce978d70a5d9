#!/usr/bin/env python3
"""Stands in for a tool whose image cannot be had: its port, its paths, its real database engine.

Usage: standin.py TOOL [the tool's own arguments]. Every tool also answers GET and POST /standin/rows,
with which tests put content into the database and find it again.
"""

import json
import signal
import sys
import threading
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import database
import tools

LARGEST_BODY = 1 << 20
Request = namedtuple("Request", "method path query headers body")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "standin"

    def do_GET(self):
        self.respond("GET", b"")

    def do_HEAD(self):
        self.respond("HEAD", b"")

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.close_connection = True
            return self.send(413, {"error": "body too large"})
        self.respond("POST", self.rfile.read(length))

    def respond(self, method, body):
        parts = urlsplit(self.path)
        path, query = parts.path, dict(parse_qsl(parts.query))
        tool, rows = self.server.tool, self.server.rows
        try:
            if path == "/standin/rows":
                if method == "POST":
                    rows.add(body.decode())
                    return self.send(201, {"rows": len(rows.all())})
                return self.send(200, rows.all())
            self.send(*tool.answer(Request(method, path, query, self.headers, body), rows))
        except database.Unreachable as error:
            self.send(503, {"error": f"database: {error}", "status": "fail", "installed": False})
        except (ValueError, KeyError, TypeError, IndexError) as error:
            self.send(400, {"error": str(error)})

    def send(self, status, content, location=None):
        if isinstance(content, str):
            kind, data = "text/html; charset=utf-8", content.encode()
        else:
            kind, data = "application/json", json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    tool = tools.TOOLS[sys.argv[1]](sys.argv[2:])
    server = Server(("0.0.0.0", tool.port), Handler)
    server.tool, server.rows = tool, tool.rows()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"stand-in for {tool.name} (lab) on port {tool.port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
