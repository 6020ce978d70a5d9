#!/usr/bin/env python3
"""Works on the S3 service of this container.

storage.py open                     makes the operator's account, switches on the checking of keys, prints the account
storage.py thief BUCKET             reads {"access_key_id", "secret_access_key"}; with them deletes and breaks whatever
                                    it can in BUCKET; prints what was done and what was refused
storage.py weaken BUCKET            tries with the operator's key, which may do everything, to get past the lock of a version;
                                    prints what was done and what was refused
storage.py totals BUCKET            prints how many objects and versions there are
"""

import datetime
import json
import sys
import urllib.request

import boto3
from botocore.exceptions import ClientError

ENDPOINT = "http://127.0.0.1:9000"
REGION = "us-east-1"
ACCOUNT = "/run/operator.json"


def client(service, account):
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id=account["access_key_id"],
        aws_secret_access_key=account["secret_access_key"],
    )


def open_service():
    iam = client("iam", {"access_key_id": "nobody", "secret_access_key": "nobody"})
    iam.create_user(UserName="operator")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="operator", PolicyName="everything", PolicyDocument=json.dumps(everything))
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    account = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    # From here on moto checks every signature and every policy.
    request = urllib.request.Request(
        f"{ENDPOINT}/moto-api/reset-auth", data=b"0", method="POST", headers={"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(request).read()
    with open(ACCOUNT, "w") as file:
        json.dump(account, file)
    return account


def operator():
    with open(ACCOUNT) as file:
        return json.load(file)


def versions(s3, bucket):
    found = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for kind in ("Versions", "DeleteMarkers"):
            found += [(kind, entry["Key"], entry["VersionId"], entry["IsLatest"]) for entry in page.get(kind, [])]
    return found


def thief(bucket):
    account = json.load(sys.stdin)
    s3, done, refused = client("s3", account), {}, {}

    def attempt(what, act):
        try:
            act()
            done[what] = done.get(what, 0) + 1
        except ClientError as error:
            refused.setdefault(what, error.response["Error"]["Code"])

    # What he cannot list for himself, he is told: nothing may depend on secrecy of versions.
    known = versions(client("s3", operator()), bucket)
    for _, key, version, _ in known:
        attempt("delete a version", lambda: s3.delete_object(Bucket=bucket, Key=key, VersionId=version))
    for _, key, version, _ in known[:3]:
        attempt("shorten the lock", lambda: s3.put_object_retention(
            Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": "2020-01-01T00:00:00Z"}))
    attempt("end versioning", lambda: s3.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}))
    attempt("end the lock", lambda: s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}))
    attempt("let versions expire", lambda: s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [{
            "ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}]}))
    current = [key for kind, key, _, latest in known if latest and kind == "Versions"]
    for key in current[: len(current) // 4]:
        attempt("overwrite", lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"pay us"))
    for key in current:
        attempt("delete", lambda: s3.delete_object(Bucket=bucket, Key=key))
    attempt("delete the bucket", lambda: s3.delete_bucket(Bucket=bucket))
    return {"done": done, "refused": refused}


def weaken(bucket):
    s3, done, refused = client("s3", operator()), {}, {}

    def attempt(what, act):
        try:
            act()
            done[what] = done.get(what, 0) + 1
        except ClientError as error:
            refused.setdefault(what, error.response["Error"]["Code"])

    _, key, version, _ = next(entry for entry in versions(s3, bucket) if entry[0] == "Versions")
    this = {"Bucket": bucket, "Key": key, "VersionId": version}
    until = s3.head_object(**this)["ObjectLockRetainUntilDate"]
    day = datetime.timedelta(days=1)

    def lock(mode, until):
        return lambda: s3.put_object_retention(
            **this, BypassGovernanceRetention=True, Retention={"Mode": mode, "RetainUntilDate": until})

    attempt("shorten the lock", lock("COMPLIANCE", until - day))
    attempt("change the mode", lock("GOVERNANCE", until + day))
    attempt("delete a version", lambda: s3.delete_object(**this, BypassGovernanceRetention=True))
    attempt("lengthen the lock", lock("COMPLIANCE", until + day))
    return {"done": done, "refused": refused}


def totals(bucket):
    found = versions(client("s3", operator()), bucket)
    return {
        "current": sum(kind == "Versions" and latest for kind, _, _, latest in found),
        "versions": sum(kind == "Versions" for kind, _, _, _ in found),
        "markers": sum(kind == "DeleteMarkers" for kind, _, _, _ in found),
    }


acts = {"open": open_service, "thief": thief, "weaken": weaken, "totals": totals}
print(json.dumps(acts[sys.argv[1]](*sys.argv[2:])))
