#!/usr/bin/env python3
"""The S3 service: moto. By itself it copies every object that there is into each list of versions, and lets whoever
holds a key shorten a lock that S3 shortens for nobody."""

import datetime
import sys

from moto.s3.exceptions import AccessDeniedByLock
from moto.s3.models import FakeKey, S3Backend
from moto.server import main


class Listed(FakeKey):
    """A key in a list: it shares the object's bytes, and does not close them when the list is gone."""

    __module__ = FakeKey.__module__

    def __del__(self):
        pass


def listed(key, _):
    copied = object.__new__(Listed)
    copied.__dict__.update(key.__dict__)
    return copied


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def weakens(key, mode, until):
    """Whether this is less than the lock that the version has. COMPLIANCE is passed by for nobody."""
    if key is None or key.lock_mode != "COMPLIANCE" or not key.is_locked(governance_bypass=True):
        return False
    return mode != "COMPLIANCE" or until is None or moment(until) < moment(key.lock_until)


put_retention = S3Backend.put_object_retention


def put_object_retention(self, bucket_name, key_name, version_id, retention):
    if weakens(self.get_object(bucket_name, key_name, version_id=version_id), *retention):
        raise AccessDeniedByLock
    put_retention(self, bucket_name, key_name, version_id, retention)


AccessDeniedByLock.code = 403
S3Backend.put_object_retention = put_object_retention
FakeKey.__deepcopy__ = listed
main(sys.argv[1:])
