#!/usr/bin/env python3
"""The S3 service: moto. By itself it copies every object that there is into each list of versions."""

import sys

from moto.s3.models import FakeKey
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


FakeKey.__deepcopy__ = listed
main(sys.argv[1:])
