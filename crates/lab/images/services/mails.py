#!/usr/bin/env python3
"""Prints the received mails, oldest first, as JSON."""

import email.policy
import json
import mailbox
import sys

found = []
box = mailbox.Maildir("/var/mail/sink", create=True)
for key in box.keys():
    mail = email.message_from_bytes(box.get_bytes(key), policy=email.policy.default)
    part = mail.get_body(("plain", "html"))
    found.append((key, {
        "from": mail["X-Lab-From"], "to": mail["X-Lab-To"], "subject": mail["Subject"] or "",
        "text": part.get_content() if part else "", "raw": box.get_string(key),
    }))
json.dump([mail for _, mail in sorted(found, key=lambda pair: pair[0])], sys.stdout)
