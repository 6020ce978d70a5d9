#!/usr/bin/env python3
"""Takes every mail on port 25 and keeps it in the maildir /var/mail/sink; nothing is ever sent on."""

import mailbox
import signal
import threading

from aiosmtpd.controller import Controller


class Sink:
    def __init__(self):
        self.maildir = mailbox.Maildir("/var/mail/sink", create=True)

    async def handle_DATA(self, server, session, envelope):
        message = mailbox.MaildirMessage(envelope.content)
        message["X-Lab-From"] = envelope.mail_from
        message["X-Lab-To"] = ", ".join(envelope.rcpt_tos)
        self.maildir.add(message)
        return "250 kept"


controller = Controller(Sink(), hostname="0.0.0.0", port=25)
controller.start()
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
stopped.wait()
controller.stop()
