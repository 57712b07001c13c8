#!/usr/bin/env python3
"""A conversation in a room, held by slixmpp as any of its users would hold it.

usage: conversation.py HOST PORT JID PASSWORD ROOM NICK

Joins the room, says something, waits for somebody else to say "your turn", changes its nick, leaves. Prints what happens as
lines of JSON, the last of which is {"event": "end"}. Exits with 1 if something does not come in time.
"""

import asyncio
import json
import sys

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

PATIENCE = 20  # seconds for each thing that is waited for


def show(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


class Conversation(slixmpp.ClientXMPP):
    def __init__(self, jid, password, room, nick):
        super().__init__(jid, password)
        self.room, self.nick = room, nick
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0045")
        self.register_plugin("xep_0199")
        # No TLS between two processes on one machine.
        self["feature_mechanisms"].unencrypted_plain = True
        self.messages = asyncio.Queue()
        self.presences = asyncio.Queue()
        self.result = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("groupchat_message", self.messages.put_nowait)
        # Not the event groupchat_presence, which slixmpp does not raise any more for a room that was left.
        self.register_handler(Callback("presence", StanzaPath("presence"), self.presences.put_nowait))
        self.add_event_handler("failed_auth", lambda _: self.end(ValueError("the server refuses the password")))

    def end(self, error=None):
        if not self.result.done():
            self.result.set_exception(error) if error else self.result.set_result(None)

    async def start(self, _):
        try:
            await self.talk()
        except Exception as error:  # whatever it was, the test wants to read it
            self.end(error)
        else:
            self.end()

    async def message(self, body):
        """The next message with that body."""
        while True:
            m = await asyncio.wait_for(self.messages.get(), PATIENCE)
            if m["body"] == body:
                return m

    async def presence(self, nick, kind):
        """The next presence of an occupant of that kind."""
        while True:
            p = await asyncio.wait_for(self.presences.get(), PATIENCE)
            if p["from"].bare == self.room and p["from"].resource == nick and p["type"] == kind:
                codes = {int(s.get("code")) for s in p.xml.iter("{http://jabber.org/protocol/muc#user}status")}
                return p, codes

    async def talk(self):
        self.send_presence()
        info = await self["xep_0030"].get_info(jid=self.room, timeout=PATIENCE)
        identities = info["disco_info"]["identities"]
        show("info", identities=sorted([i[0], i[1]] for i in identities), muc="http://jabber.org/protocol/muc" in info["disco_info"]["features"])

        muc = self["xep_0045"]
        await muc.join_muc_wait(self.room, self.nick, timeout=PATIENCE)
        show("joined", roster=sorted(muc.get_roster(self.room)))

        self.send_message(mto=self.room, mbody="hello from slixmpp", mtype="groupchat")
        m = await self.message("hello from slixmpp")
        show("reflected", nick=m["mucnick"])
        m = await self.message("your turn")
        show("message", nick=m["mucnick"], body=m["body"])

        new = self.nick + "2"
        self.send_presence(pto=f"{self.room}/{new}")
        _, codes = await self.presence(self.nick, "unavailable")
        _, more = await self.presence(new, "available")
        show("nick", left=sorted(codes), came=sorted(more), roster=sorted(muc.get_roster(self.room)))

        muc.leave_muc(self.room, new, msg="bye")
        _, codes = await self.presence(new, "unavailable")
        show("left", codes=sorted(codes))


def main(host, port, jid, password, room, nick):
    asyncio.set_event_loop(asyncio.new_event_loop())
    c = Conversation(jid, password, room, nick)
    c.connect((host, int(port)), use_ssl=False, force_starttls=False, disable_starttls=True)
    loop = asyncio.get_event_loop()
    loop.run_until_complete(asyncio.wait_for(c.result, 4 * PATIENCE))
    c.disconnect()
    loop.run_until_complete(asyncio.wait_for(c.disconnected, PATIENCE))
    show("end")


if __name__ == "__main__":
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
