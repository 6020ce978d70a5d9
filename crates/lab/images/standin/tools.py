"""What each tool answers. An answer is (status, content) or (status, content, location)."""

import json
import os

from database import PostgreSQL, SQLite


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


LOGIN_FORM = '<form method="post"><input name="login"><input name="password" type="password"></form>'


class Nextcloud:
    name, port = "Nextcloud", 80

    def rows(self):
        host, _, port = setting("POSTGRES_HOST", default="db").partition(":")
        return PostgreSQL(host, port or "5432", setting("POSTGRES_USER"), setting("POSTGRES_PASSWORD"),
                          setting("POSTGRES_DB", default="nextcloud"))

    def answer(self, method, path, body, rows):
        rows.check()
        if path == "/status.php":
            return 200, {"installed": True, "maintenance": False, "needsDbUpgrade": False, "version": "31.0.0.0",
                         "versionstring": "31.0.0", "edition": "", "productname": "stand-in for Nextcloud (lab)",
                         "extendedSupport": False}
        if path == "/":
            return 302, "", "/login"
        if path in ("/login", "/index.php/login"):
            return 200, page(self.name, LOGIN_FORM)
        return 404, page(self.name)


class Odoo:
    name, port = "Odoo", 8069
    administrator = 2

    def rows(self):
        return PostgreSQL(setting("PGHOST", "HOST", default="db"), setting("PGPORT", "PORT", default="5432"),
                          setting("PGUSER", "USER", default="odoo"), setting("PGPASSWORD", "PASSWORD"), "odoo",
                          create=True)

    def answer(self, method, path, body, rows):
        rows.check()
        if path == "/web/health":
            return 200, {"status": "pass"}
        if path == "/":
            return 303, "", "/web/login"
        if path == "/web/login":
            return 200, page(self.name, LOGIN_FORM)
        if path == "/jsonrpc" and method == "POST":
            call = json.loads(body)
            params = call["params"]
            return 200, {"jsonrpc": "2.0", "id": call.get("id"),
                         "result": self.call(params["service"], params["method"], params["args"], rows)}
        return 404, page(self.name)

    def call(self, service, method, arguments, rows):
        login, password = rows.user(self.administrator) or ("admin", "admin")
        if (service, method) == ("common", "version"):
            return {"server_version": "18.0", "server_serie": "18.0"}
        if (service, method) == ("common", "login"):
            return self.administrator if list(arguments[1:3]) == [login, password] else False
        if (service, method) == ("object", "execute_kw"):
            _, number, given, model, operation, values = arguments[:6]
            if (number, given) != (self.administrator, password):
                raise ValueError("Access Denied")
            if (model, operation) == ("res.users", "write"):
                change = values[1]
                rows.set_user(self.administrator, change.get("login", login), change.get("password", password))
                return True
        raise ValueError(f"the stand-in does not know {service}.{method}")


class UptimeKuma:
    name, port = "Uptime Kuma", 3001

    def rows(self):
        return SQLite("/app/data/kuma.db")

    def answer(self, method, path, body, rows):
        rows.check()
        if path == "/":
            return 302, "", "/dashboard"
        if path == "/api/entry-page":
            return 200, {"type": "entryPage", "entryPage": "dashboard"}
        return (200, page(self.name)) if path in ("/dashboard", "/setup") else (404, page(self.name))


class Portainer:
    name, port = "Portainer", 9000

    def rows(self):
        return SQLite("/data/portainer.db")

    def answer(self, method, path, body, rows):
        rows.check()
        if path in ("/api/system/status", "/api/status"):
            return 200, {"Version": "2.21.5", "InstanceID": "standin"}
        return (200, page(self.name)) if path == "/" else (404, {"message": "Not found"})


TOOLS = {"nextcloud": Nextcloud, "odoo": Odoo, "uptime-kuma": UptimeKuma, "portainer": Portainer}
