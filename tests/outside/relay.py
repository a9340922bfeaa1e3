"""A mail relay on loopback, by aiosmtpd. It requires TLS and a login, and keeps each email with details of its transport.

relay.py FOLDER CERTIFICATE KEY: prints two ports, for STARTTLS and for TLS from the start. Runs until it is killed.
"""

import asyncio
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Folder:
    """Keeps email N as N.eml, and the details of its transport as N.json."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.emails = 0

    async def handle_DATA(self, server, session, envelope):
        how = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": server.transport.get_extra_info("cipher") is not None,
            "authenticated": bool(session.authenticated),
            "smtputf8": envelope.smtp_utf8,
        }
        self.emails += 1
        place = self.folder / str(self.emails)
        place.with_suffix(".eml").write_bytes(envelope.original_content)
        # Tests wait for this file, so it comes last and complete.
        place.with_suffix(".part").write_text(json.dumps(how))
        place.with_suffix(".part").rename(place.with_suffix(".json"))
        return "250 Taken"


def authenticate(_server, _session, _envelope, _mechanism, given):
    # handled=False, so that the server itself answers 535.
    return AuthResult(success=given == LoginPassword(b"user", b"password"), handled=False)


async def relay(folder, certificate, key):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    rules = {
        "handler": Folder(folder),
        "authenticator": authenticate,
        "auth_required": True,
        "enable_SMTPUTF8": True,
        "hostname": "localhost",
    }
    loop = asyncio.get_running_loop()
    starttls = await loop.create_server(
        lambda: SMTP(loop=loop, tls_context=tls, require_starttls=True, **rules), "127.0.0.1", 0
    )
    # aiosmtpd only recognizes TLS that it started itself, and would offer no login here.
    implicit = await loop.create_server(
        lambda: SMTP(loop=loop, auth_require_tls=False, **rules), "127.0.0.1", 0, ssl=tls
    )
    print(*(server.sockets[0].getsockname()[1] for server in (starttls, implicit)), flush=True)
    await asyncio.Event().wait()


asyncio.run(relay(*sys.argv[1:]))
