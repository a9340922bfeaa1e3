"""Forwards TCP connections on loopback, so that the drill can part the sites from a database server.

forwarder.py PORT TARGET: runs until it is killed, which closes all connections. Frozen, it is a network that loses packets.
"""

import asyncio
import sys


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def forward(target, reader, writer):
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
    except OSError:
        writer.transport.abort()
        return
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def main(port, target):
    server = await asyncio.start_server(lambda *ends: forward(target, *ends), "127.0.0.1", port)
    await server.serve_forever()


asyncio.run(main(*map(int, sys.argv[1:])))
