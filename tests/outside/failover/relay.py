"""A mail relay that accepts every email and notes its Message-ID and recipient.

relay.py PORT FILE [ADDRESS]: listens on loopback or this address, and writes one line for each email before it accepts it. Runs
until it is killed.
"""

import asyncio
import email
import sys


class Session:
    """One SMTP session (RFC 5321)."""

    def __init__(self, reader, writer, notes):
        self.reader, self.writer, self.notes, self.recipients = reader, writer, notes, []

    async def run(self):
        try:
            self.say("220 relay.test ESMTP")
            while line := await self.reader.readline():
                if not await self.answer(line.decode().strip()):
                    break
                await self.writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writer.close()

    def say(self, *lines):
        self.writer.write("".join(line + "\r\n" for line in lines).encode())

    async def answer(self, line):
        """Answers one command. Returns whether the session goes on."""
        verb, _, argument = line.partition(" ")
        match verb.upper():
            case "EHLO" | "HELO":
                self.say("250-relay.test", "250-8BITMIME", "250 SMTPUTF8")
            case "RCPT":
                self.recipients.append(argument.partition("<")[2].partition(">")[0])
                self.say("250 fine")
            case "DATA":
                self.say("354 go ahead")
                self.note(await self.reader.readuntil(b"\r\n.\r\n"))
                self.say("250 accepted")
            case "QUIT":
                self.say("221 bye")
                return False
            case "MAIL" | "RSET":
                self.recipients = []
                self.say("250 fine")
            case _:
                self.say("250 fine")
        return True

    def note(self, content):
        message_id = email.message_from_bytes(content)["Message-ID"]
        self.notes.write(f"{message_id.strip('<> ')}\t{','.join(self.recipients)}\n")
        self.notes.flush()


async def main(port, path, address="127.0.0.1"):
    with open(path, "a") as notes:
        serve = lambda *ends: Session(*ends, notes).run()
        server = await asyncio.start_server(serve, address, int(port), limit=1 << 22)
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
