"""What each tool answers. An answer is (status, content) or (status, content, location)."""

import base64
import json
import os
import secrets
import time

from database import PostgreSQL, SQLite
from socketio import Lines


def setting(*names, default=""):
    """The first of these variables that is set, or the content of the file that NAME_FILE names."""
    for name in names:
        if os.environ.get(name):
            return os.environ[name]
        if os.environ.get(name + "_FILE"):
            with open(os.environ[name + "_FILE"], encoding="utf-8") as file:
                return file.read().strip()
    return default


def page(name, body=""):
    return f"<!DOCTYPE html><title>stand-in for {name} (lab)</title><h1>stand-in for {name} (lab)</h1>{body}"


class Tool:
    def __init__(self, arguments):
        self.arguments = arguments


LOGIN_FORM = '<form method="post"><input name="login"><input name="password" type="password"></form>'


class Nextcloud(Tool):
    name, port = "Nextcloud", 80

    def rows(self):
        host, _, port = setting("POSTGRES_HOST", default="db").partition(":")
        return PostgreSQL(host, port or "5432", setting("POSTGRES_USER"), setting("POSTGRES_PASSWORD"),
                          setting("POSTGRES_DB", default="nextcloud"))

    def answer(self, request, rows):
        rows.check()
        path = request.path
        # Its administrator is made from the environment at the very first start; later the variables count for nothing.
        user, password = setting("NEXTCLOUD_ADMIN_USER"), setting("NEXTCLOUD_ADMIN_PASSWORD")
        if rows.user(1) is None and user and password:
            rows.set_user(1, user, password)
        installed = rows.user(1) is not None
        if path == "/ocs/v2.php/cloud/user" and request.method == "GET":
            status, content = self.who(request, rows)
            # Without the wish for JSON, OCS speaks XML.
            json_wanted = request.query.get("format") == "json"
            return status, content if json_wanted or status == 412 else f'<?xml version="1.0"?>\n<ocs>{status}</ocs>\n'
        if path == "/index.php" and request.method == "POST" and not installed:
            return 200, page(self.name, "installation")
        if path == "/status.php":
            return 200, {"installed": installed, "maintenance": False, "needsDbUpgrade": False, "version": "31.0.0.0",
                         "versionstring": "31.0.0", "edition": "", "productname": "stand-in for Nextcloud (lab)",
                         "extendedSupport": False}
        if path == "/":
            return 302, "", "/login"
        if path in ("/login", "/index.php/login"):
            return 200, page(self.name, LOGIN_FORM)
        return 404, page(self.name)

    def who(self, request, rows):
        """OCS: who is logged in, by basic authentication; without its header it takes the caller for a forged page."""
        if request.headers.get("OCS-APIRequest") != "true":
            return 412, {"message": "CSRF check failed"}
        given = base64.b64decode(request.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        if tuple(given.split(":", 1)) != rows.user(1):
            return 401, {"ocs": {"meta": {"status": "failure", "statuscode": 997}, "data": []}}
        return 200, {"ocs": {"meta": {"status": "ok", "statuscode": 200}, "data": {"id": given.split(":")[0]}}}


class Refused(Exception):
    """Odoo's own error, by the name of its class."""


class Odoo(Tool):
    name, port = "Odoo", 8069
    administrator = 2

    def rows(self):
        return PostgreSQL(setting("PGHOST", "HOST", default="db"), setting("PGPORT", "PORT", default="5432"),
                          setting("PGUSER", "USER", default="odoo"), setting("PGPASSWORD", "PASSWORD"), "odoo",
                          create=True)

    def answer(self, request, rows):
        rows.check()
        method, path, body = request.method, request.path, request.body
        if path == "/web/health" and method in ("GET", "HEAD"):
            return 200, {"status": "pass"}
        if path == "/":
            return 303, "", "/web/login"
        if path == "/web/login":
            return 200, page(self.name, LOGIN_FORM)
        if path == "/jsonrpc" and method == "POST":
            call = json.loads(body)
            params, answer = call["params"], {"jsonrpc": "2.0", "id": call.get("id")}
            try:
                answer["result"] = self.call(params["service"], params["method"], params["args"], rows)
            except Refused as refusal:
                # Also a refusal is a 200.
                answer["error"] = {"code": 200, "message": "Odoo Server Error", "data": {"name": str(refusal)}}
            return 200, answer
        return 404, page(self.name)

    def call(self, service, method, arguments, rows):
        login, password = rows.user(self.administrator) or ("admin", "admin")
        if service in ("common", "object") and method != "version" and arguments[0] != rows.name:
            raise Refused("psycopg2.OperationalError")
        if (service, method) == ("common", "version"):
            return {"server_version": "18.0", "server_serie": "18.0"}
        if (service, method) == ("common", "login"):
            return self.administrator if list(arguments[1:3]) == [login, password] else False
        if (service, method) == ("object", "execute_kw"):
            _, number, given, model, operation, values = arguments[:6]
            if (number, given) != (self.administrator, password):
                raise Refused("odoo.exceptions.AccessDenied")
            if (model, operation) == ("res.users", "write"):
                numbers, change = values
                if numbers != [self.administrator]:
                    raise Refused("odoo.exceptions.MissingError")
                rows.set_user(self.administrator, change.get("login", login), change.get("password", password))
                return True
        # `db` is refused where the list of databases is off.
        raise Refused("odoo.exceptions.AccessDenied" if service == "db" else "builtins.AttributeError")


class UptimeKuma(Tool):
    name, port = "Uptime Kuma", 3001
    # So many log-ins a minute are looked at.
    most_logins = 20

    def __init__(self, arguments):
        super().__init__(arguments)
        self.lines, self.logins = Lines(), []

    def rows(self):
        return SQLite("/app/data/kuma.db")

    def answer(self, request, rows):
        rows.check()
        path = request.path
        if path == "/":
            return 302, "", "/dashboard"
        if path == "/api/entry-page":
            return 200, {"type": "entryPage", "entryPage": "dashboard"}
        if path == "/socket.io/":
            return self.lines.answer(request, lambda event, arguments: self.hear(event, arguments, rows))
        return (200, page(self.name)) if path in ("/dashboard", "/setup") else (404, page(self.name))

    def hear(self, event, arguments, rows):
        """What an event is acknowledged with: a list of arguments."""
        user = rows.user(1)
        if event == "needSetup":
            return [user is None]
        if event == "setup":
            login, password = arguments
            if len(password) < 6 or password.isalpha() or password.isdigit():
                return [{"ok": False, "msg": "Password is too weak. It should contain alphabetic and numeric letters."}]
            if user is not None:
                return [{"ok": False, "msg": "Uptime Kuma has been initialized. If you want to run setup again, please "
                         "delete the database."}]
            rows.set_user(1, login, password)
            return [{"ok": True, "msg": "successAdded", "msgi18n": True}]
        if event == "login":
            now = time.monotonic()
            self.logins = [at for at in self.logins if now - at < 60] + [now]
            if len(self.logins) > self.most_logins:
                return [{"ok": False, "msg": "Too frequently, try again later."}]
            if (arguments[0]["username"], arguments[0]["password"]) != user:
                return [{"ok": False, "msg": "authIncorrectCreds", "msgi18n": True}]
            return [{"ok": True, "token": secrets.token_hex(16)}]
        raise ValueError(f"the stand-in does not know {event}")


class Portainer(Tool):
    name, port = "Portainer", 9000
    # Without an administrator it stops taking one after this many seconds.
    patience = 300

    def __init__(self, arguments):
        super().__init__(arguments)
        self.began = time.monotonic()

    def rows(self):
        return SQLite("/data/portainer.db")

    def answer(self, request, rows):
        rows.check()
        method, path = request.method, request.path
        # From the file, unless there is an administrator already.
        if rows.user(1) is None and "--admin-password-file" in self.arguments:
            with open(self.arguments[self.arguments.index("--admin-password-file") + 1], encoding="utf-8") as file:
                rows.set_user(1, "admin", file.read())
        if method not in ("GET", "HEAD") and path in ("/api/system/status", "/api/status", "/api/users/admin/check"):
            return 405, ""
        if method != "POST" and path in ("/api/auth", "/api/users/admin/init"):
            return 405, ""
        if path in ("/api/system/status", "/api/status"):
            return 200, {"Version": "2.21.5", "InstanceID": "standin"}
        if path == "/api/users/admin/check":
            return (204, "") if rows.user(1) else (404, {"message": "No administrator account found inside the database"})
        if (method, path) == ("POST", "/api/users/admin/init"):
            return self.first(json.loads(request.body), rows)
        if (method, path) == ("POST", "/api/auth"):
            given = json.loads(request.body)
            if (given["Username"].lower(), given["Password"]) != rows.user(1):
                return 422, {"message": "Invalid credentials", "details": "Unauthorized"}
            return 200, {"jwt": secrets.token_hex(16)}
        return (200, page(self.name)) if path == "/" else (404, {"message": "Not found"})

    def first(self, given, rows):
        if rows.user(1):
            return 409, {"message": "Unable to create administrator user", "details": "already exists"}
        if time.monotonic() - self.began > self.patience:
            return 303, "", "/timeout.html"
        if len(given["Password"]) < 12:
            return 400, {"message": "Password does not meet the minimum strength requirements"}
        rows.set_user(1, given["Username"].lower(), given["Password"])
        return 200, {"Id": 1, "Username": given["Username"].lower(), "Role": 1}


TOOLS = {"nextcloud": Nextcloud, "odoo": Odoo, "uptime-kuma": UptimeKuma, "portainer": Portainer}
