#!/usr/bin/env python3
"""A conversation by way of a gateway, held by slixmpp as any of its users would hold it.

usage: conversation.py HOST PORT JID PASSWORD ROOM NICK

Finds the gateway of the room among what the server has, registers with it, gives its real name by a command, joins the room, says
something, waits for somebody else to say "your turn", reads what the archive has of it, changes its nick, leaves and unregisters.
Prints what happens as lines of JSON, the last of which is {"event": "end"}. Exits with 1 if something does not come in time.
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
        for plugin in "xep_0004", "xep_0030", "xep_0045", "xep_0050", "xep_0077", "xep_0313":
            self.register_plugin(plugin)
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

    async def find(self, gateway):
        """What the server has that says to be a gateway."""
        items = await self["xep_0030"].get_items(jid=self.boundjid.host, timeout=PATIENCE)
        jids = {i[0] for i in items["disco_items"]["items"]}
        show("items", found=gateway in jids)
        info = await self["xep_0030"].get_info(jid=gateway, timeout=PATIENCE)
        show("gateway", identities=sorted([i[0], i[1]] for i in info["disco_info"]["identities"]))

    async def register(self, gateway, remove=False):
        """Registers by the form, or takes the registration back; shows what is so after it (XEP-0077)."""
        iq = self.make_iq_set(ito=gateway)
        iq.enable("register")
        if remove:
            iq["register"]["remove"] = True
        else:
            form = self["xep_0004"].make_form(ftype="submit")
            iq["register"].append(form)
        await iq.send(timeout=PATIENCE)
        answer = await self["xep_0077"].get_registration(jid=gateway, timeout=PATIENCE)
        show("registration", registered=answer.xml.find(".//{jabber:iq:register}registered") is not None)

    async def configure(self, network):
        """Runs the command "configure" with its form (XEP-0050)."""
        answer = await self["xep_0050"].send_command(network, "configure", action="execute", timeout=PATIENCE)
        command = answer["command"]
        form = command["form"]
        form["type"] = "submit"
        form.set_values({"realname": "Alice L."})
        answer = await self["xep_0050"].send_command(
            network, "configure", action="complete", sessionid=command["sessionid"], payload=form, timeout=PATIENCE
        )
        show("command", status=answer["command"]["status"])

    async def archived(self):
        """The bodies that the room's archive has (XEP-0313)."""
        answer = await self["xep_0313"].retrieve(jid=self.room, rsm={"max": "10"}, timeout=PATIENCE)
        messages = [m["mam_result"]["forwarded"]["stanza"] for m in answer["mam"]["results"]]
        show("archived", said=[[m["from"].resource, m["body"]] for m in messages if m["body"]])

    async def paged(self, backward=False):
        """The bodies that the room's archive has, page by page from one end to the other (XEP-0059 §2.2, §2.3)."""
        lines = self["xep_0313"].iterate(jid=self.room, reverse=backward, rsm={"max": "70"})
        said = [m["mam_result"]["forwarded"]["stanza"]["body"] async for m in lines]
        return said[::-1] if backward else said

    async def read_all(self):
        """Reads a long archive in both directions."""
        await self.message("line 299")
        forward, backward = await self.paged(), await self.paged(backward=True)
        lines = [b for b in forward if b.startswith("line ")]
        show("pages", lines=len(lines), ordered=lines == [f"line {i}" for i in range(300)], same=forward == backward)

    async def talk(self):
        self.send_presence()
        gateway = slixmpp.JID(self.room).domain
        await self.find(gateway)
        await self.register(gateway)
        await self.configure(self.room.partition("%")[2])
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

        await self.archived()
        await self.read_all()

        new = self.nick + "2"
        self.send_presence(pto=f"{self.room}/{new}")
        _, codes = await self.presence(self.nick, "unavailable")
        _, more = await self.presence(new, "available")
        show("nick", left=sorted(codes), came=sorted(more), roster=sorted(muc.get_roster(self.room)))

        muc.leave_muc(self.room, new, msg="bye")
        _, codes = await self.presence(new, "unavailable")
        show("left", codes=sorted(codes))
        await self.register(gateway, remove=True)


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
