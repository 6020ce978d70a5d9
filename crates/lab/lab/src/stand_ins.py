"""What the stand-ins answer, compared with what is known of the real programs: not only what a catalog entry asks, but the
refusals beside it, so that an entry that asks wrongly fails in the lab as it would on a customer's server.

Usage: stand_ins.py FOLDER_OF_THE_STAND_IN
"""

import base64
import json
import os
import sys
import tempfile
import types
import unittest
from collections import namedtuple

sys.path.insert(0, sys.argv.pop(1))
sys.modules["psycopg2"] = types.SimpleNamespace(Error=OSError, OperationalError=OSError)

import database  # noqa: E402
import tools  # noqa: E402

Request = namedtuple("Request", "method path query headers body")


class Facts(unittest.TestCase):
    def stand_in(self, name, *arguments):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.rows = database.SQLite(folder.name + "/rows.db")
        self.rows.name = name
        self.tool = tools.TOOLS[name](list(arguments))

    def ask(self, method, path, body=None, headers=None, **query):
        body = json.dumps(body).encode() if body is not None else b""
        return self.tool.answer(Request(method, path, query, headers or {}, body), self.rows)[:2]

    def test_nextcloud(self):
        self.stand_in("nextcloud")
        status, fresh = self.ask("GET", "/status.php")
        self.assertEqual((status, fresh["installed"], fresh["maintenance"]), (200, False, False))
        os.environ.update(NEXTCLOUD_ADMIN_USER="admin", NEXTCLOUD_ADMIN_PASSWORD="right")
        self.assertTrue(self.ask("GET", "/status.php")[1]["installed"])
        # It counts at the very first start only.
        os.environ["NEXTCLOUD_ADMIN_PASSWORD"] = "another"
        who, ocs = "/ocs/v2.php/cloud/user", {"OCS-APIRequest": "true"}

        def login(password, headers=ocs, **query):
            basic = base64.b64encode(f"admin:{password}".encode()).decode()
            return self.ask("GET", who, headers={**headers, "Authorization": f"Basic {basic}"}, **query)

        self.assertEqual(login("right", format="json")[1]["ocs"]["data"]["id"], "admin")
        self.assertEqual([login(password, format="json")[0] for password in ("another", "")], [401, 401])
        self.assertEqual(login("right", headers={}, format="json")[0], 412)
        self.assertTrue(login("right")[1].startswith("<?xml"), "JSON is given to whoever asks for it")
        self.assertEqual(self.ask("GET", "/ocs/v1.php/cloud/users", headers=ocs)[0], 404)

    def rpc(self, service, method, *arguments):
        body = {"jsonrpc": "2.0", "id": 7, "params": {"service": service, "method": method, "args": list(arguments)}}
        status, answer = self.ask("POST", "/jsonrpc", body)
        self.assertEqual((status, answer["id"]), (200, 7), "a refusal is a 200 too")
        return answer.get("result", answer.get("error", {}).get("data"))

    def test_odoo(self):
        self.stand_in("odoo")
        self.assertEqual(self.ask("GET", "/web/health"), (200, {"status": "pass"}))
        self.assertEqual(self.ask("POST", "/web/health")[0], 404)
        self.assertEqual(self.ask("GET", "/jsonrpc")[0], 404)
        write = lambda number, password, ids: self.rpc(
            "object", "execute_kw", "odoo", number, password, "res.users", "write",
            [ids, {"login": "o@example.com", "password": "new"}])
        self.assertEqual(self.rpc("common", "login", "odoo", "admin", "admin"), 2)
        self.assertEqual(self.rpc("common", "login", "odoo", "admin", "wrong"), False)
        for refused in (self.rpc("common", "login", "another", "admin", "admin"), self.rpc("db", "list"),
                        write(1, "admin", [2]), write(2, "wrong", [2]), write(2, "admin", [1]), write(2, "admin", [])):
            self.assertIn("name", refused)
        self.assertEqual(self.rpc("common", "login", "odoo", "admin", "admin"), 2, "nothing was changed")
        self.assertEqual(write(2, "admin", [2]), True)
        self.assertEqual(self.rpc("common", "login", "odoo", "admin", "admin"), False)
        self.assertEqual(self.rpc("common", "login", "odoo", "o@example.com", "new"), 2)
        self.assertIn("name", write(2, "admin", [2]))

    def test_uptime_kuma(self):
        self.stand_in("uptime-kuma")
        hear = lambda event, *arguments: self.tool.hear(event, list(arguments), self.rows)[0]
        login = lambda password: hear("login", {"username": "o@example.com", "password": password, "token": ""})
        self.assertEqual(self.ask("GET", "/")[0], 302)
        self.assertEqual(self.ask("GET", "/api/entry-page")[1]["type"], "entryPage")
        self.assertEqual(self.ask("GET", "/socket.io/", EIO="3", transport="polling")[0], 400)
        self.assertEqual(self.ask("GET", "/api/setup")[0], 404, "there is no such thing over HTTP")
        self.assertEqual(hear("needSetup"), True)
        self.assertFalse(login("Right-1-password")["ok"], "nobody can log in before")
        self.assertFalse(hear("setup", "o@example.com", "weak")["ok"])
        self.assertTrue(hear("setup", "o@example.com", "Right-1-password")["ok"])
        self.assertEqual(hear("needSetup"), False)
        second = hear("setup", "thief@example.com", "Other-1-password")
        self.assertFalse(second["ok"])
        self.assertIn("has been initialized", second["msg"])
        self.assertFalse(login("Other-1-password")["ok"])
        self.assertTrue(login("Right-1-password")["token"])
        answers = [login("Right-1-password") for _ in range(20)]
        self.assertIn("Too frequently", answers[-1]["msg"])

    def test_portainer(self):
        self.stand_in("portainer")
        check = lambda: self.ask("GET", "/api/users/admin/check")[0]
        auth = lambda password: self.ask("POST", "/api/auth", {"Username": "admin", "Password": password})
        make = lambda password: self.ask("POST", "/api/users/admin/init", {"Username": "admin", "Password": password})
        self.assertIn("Version", self.ask("GET", "/api/system/status")[1])
        for method, path in (("POST", "/api/system/status"), ("GET", "/api/auth"), ("GET", "/api/users/admin/init")):
            self.assertEqual(self.ask(method, path)[0], 405, path)
        self.assertEqual((check(), auth("right-password")[0], make("short")[0]), (404, 422, 400))
        self.assertEqual((make("right-password")[0], check()), (200, 204))
        self.assertEqual(make("other-password")[0], 409, "there is one already")
        self.assertEqual([auth(password)[0] for password in ("other-password", "")], [422, 422])
        self.assertIn("jwt", auth("right-password")[1])
        self.assertEqual(self.ask("GET", "/api/nothing")[0], 404)
        self.stand_in("portainer")
        self.tool.began -= 301
        self.assertEqual(make("right-password")[0], 303, "nobody came within five minutes")


unittest.main()
