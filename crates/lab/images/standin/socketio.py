"""Socket.io (protocol 5 on Engine.IO 4) by long polling: as much of it as a tool's own pages use before a log-in."""

import json
import queue
import secrets
import threading

DIVIDER = "\x1e"
# A poll without news is answered after this many seconds.
PING = 25
MOST_LINES = 1000


class Lines:
    """The open lines: for each its packets that wait."""

    def __init__(self):
        self.lines, self.guard = {}, threading.Lock()

    def answer(self, request, hear):
        if request.query.get("EIO") != "4" or request.query.get("transport") != "polling":
            return 400, {"code": 0, "message": "Transport unknown"}
        if "sid" not in request.query:
            return 200, self.opened()
        line = self.lines.get(request.query["sid"])
        if line is None:
            return 400, {"code": 1, "message": "Session ID unknown"}
        if request.method == "POST":
            for packet in request.body.decode().split(DIVIDER):
                self.take(line, request.query["sid"], packet, hear)
            return 200, "ok"
        return 200, self.news(line)

    def opened(self):
        line = secrets.token_urlsafe(15)
        with self.guard:
            if len(self.lines) >= MOST_LINES:
                self.lines.pop(next(iter(self.lines)))
            self.lines[line] = queue.Queue()
        return "0" + json.dumps({"sid": line, "upgrades": ["websocket"], "pingInterval": PING * 1000,
                                 "pingTimeout": 20000, "maxPayload": 1000000})

    def news(self, line):
        try:
            packets = [line.get(timeout=PING)]
        except queue.Empty:
            return "2"
        while not line.empty():
            packets.append(line.get_nowait())
        return DIVIDER.join(packets)

    def take(self, line, name, packet, hear):
        if packet == "1":
            self.lines.pop(name, None)
        elif packet.startswith("40"):
            line.put("40" + json.dumps({"sid": secrets.token_urlsafe(15)}))
            line.put("42" + json.dumps(["info", {"latestVersion": "1.23.16", "isContainer": True}]))
            line.joined = True
        elif packet.startswith("42"):
            if not getattr(line, "joined", False):
                self.lines.pop(name, None)
                raise ValueError("no such namespace")
            start = packet.index("[")
            event, *arguments = json.loads(packet[start:])
            answer = hear(event, arguments)
            if packet[2:start]:
                line.put(f"43{packet[2:start]}" + json.dumps(answer))
