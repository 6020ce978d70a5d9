"""The rows of a stand-in, in the engine that the tool itself uses."""

import os
import sqlite3
from contextlib import closing

import psycopg2

TABLES = (
    "CREATE TABLE IF NOT EXISTS standin_rows (id {serial}, content TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS standin_users (id INTEGER PRIMARY KEY, login TEXT NOT NULL, password TEXT NOT NULL)",
)


class Unreachable(Exception):
    """The database does not answer or refuses the login."""


class Rows:
    """One connection for each question, so that an engine that was restarted is simply found again."""

    def run(self, statement, values=()):
        try:
            with closing(self.connect()) as connection:
                cursor = connection.cursor()
                for table in TABLES:
                    cursor.execute(table.format(serial=self.serial))
                cursor.execute(statement.replace("?", self.placeholder), values)
                found = cursor.fetchall() if cursor.description else []
                connection.commit()
                return found
        except (psycopg2.Error, sqlite3.Error, OSError) as error:
            raise Unreachable(str(error).strip()) from error

    def check(self):
        self.run("SELECT 1")

    def add(self, content):
        self.run("INSERT INTO standin_rows (content) VALUES (?)", (content,))

    def all(self):
        return [content for (content,) in self.run("SELECT content FROM standin_rows ORDER BY id")]

    def user(self, number):
        found = self.run("SELECT login, password FROM standin_users WHERE id = ?", (number,))
        return found[0] if found else None

    def set_user(self, number, login, password):
        self.run("DELETE FROM standin_users WHERE id = ?", (number,))
        self.run("INSERT INTO standin_users (id, login, password) VALUES (?, ?, ?)", (number, login, password))


class PostgreSQL(Rows):
    serial, placeholder = "SERIAL PRIMARY KEY", "%s"

    def __init__(self, host, port, user, password, name, create=False):
        self.settings = dict(host=host, port=port, user=user, password=password, connect_timeout=5)
        self.name, self.create = name, create

    def connect(self):
        try:
            return psycopg2.connect(dbname=self.name, **self.settings)
        except psycopg2.OperationalError as error:
            if not self.create or "does not exist" not in str(error):
                raise
        with closing(psycopg2.connect(dbname="postgres", **self.settings)) as connection:
            connection.autocommit = True
            connection.cursor().execute(f'CREATE DATABASE "{self.name}"')
        return psycopg2.connect(dbname=self.name, **self.settings)


class SQLite(Rows):
    serial, placeholder = "INTEGER PRIMARY KEY AUTOINCREMENT", "?"

    def __init__(self, path):
        self.path = path

    def connect(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        return sqlite3.connect(self.path, timeout=10)
