#!/usr/bin/env python3
"""Two users of two gateways to the social web, played by slixmpp as any of its users would play them.

usage: social.py HOST1 PORT1 HOST2 PORT2 PASSWORD GATEWAY NAME1 NAME2

alice is at the first XMPP server and known as alice@NAME1 to others, bob at the second, as bob@NAME2; both write to GATEWAY. They take part by a
command's form, bob subscribes to alice's feed, she publishes in her own node, with a tag and a picture, he reads it as an event, as a message
and as an item, likes it and comments it, and she changes her name.
Prints what happens as lines of JSON, the last of which is {"event": "end"}. Exits with 1 if something does not come in time.
"""

import asyncio
import datetime
import json
import sys
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

PATIENCE = 30  # seconds for each thing that is waited for
FEED = "urn:xmpp:microblog:0"
ATOM = "{http://www.w3.org/2005/Atom}"
REACTIONS = "{urn:xmpp:reactions:0}"


def show(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


class User(slixmpp.ClientXMPP):
    def __init__(self, name, password):
        super().__init__(name + "@localhost/slixmpp", password)
        for plugin in "xep_0004", "xep_0030", "xep_0050", "xep_0054", "xep_0060", "xep_0163", "xep_0172", "xep_0199":
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True  # No TLS between two processes on one machine.
        self.auto_authorize, self.auto_subscribe = True, False
        self.stanzas = asyncio.Queue()
        self.ready = asyncio.get_event_loop().create_future()
        self.register_handler(Callback("all messages", StanzaPath("message"), self.stanzas.put_nowait))
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("failed_auth", lambda _: self.ready.set_exception(ValueError("the server refuses the password")))

    async def start(self, _):
        self.send_presence()
        await self.get_roster()
        self.ready.set_result(None)

    async def hears(self, what):
        """The next message for which something holds."""
        seen = []
        try:
            while True:
                m = await asyncio.wait_for(self.stanzas.get(), PATIENCE)
                if what(m):
                    return m
                seen.append(str(m))
        except asyncio.TimeoutError:
            raise ValueError("did not come; there were " + "\n".join(seen)) from None

    async def takes_part(self, gateway):
        """Says by the form of the command that it wants to (XEP-0050)."""
        answer = await self["xep_0050"].send_command(gateway, "social", action="execute", timeout=PATIENCE)
        command = answer["command"]
        form = command["form"]
        form["type"] = "submit"
        form.set_values({"on": True})
        answer = await self["xep_0050"].send_command(gateway, "social", action="complete", sessionid=command["sessionid"], payload=form, timeout=PATIENCE)
        show("takes part", status=answer["command"]["status"])

    async def publishes(self, item, title):
        """Publishes an entry in its own node (XEP-0277)."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = ET.Element(ATOM + "entry")
        for name, text in ("id", "tag:one.example,2026:" + item), ("title", title), ("published", now), ("updated", now):
            ET.SubElement(entry, ATOM + name).text = text
        ET.SubElement(entry, ATOM + "category", term="music")
        ET.SubElement(entry, ATOM + "link", rel="enclosure", href="https://files.example/balcony.png", type="image/png", length="1234")
        await self["xep_0060"].publish(self.boundjid.bare, FEED, id=item, payload=entry, timeout=PATIENCE)


def entry_facts(entry):
    """What of an entry a reader sees."""
    return {
        "title": entry.findtext(ATOM + "title"),
        "author": entry.findtext(f"{ATOM}author/{ATOM}name"),
        "tags": [c.get("term") for c in entry.iter(ATOM + "category")],
        "files": [link.get("href") for link in entry.iter(ATOM + "link") if link.get("rel") == "enclosure"],
    }


async def play(alice, bob, gateway, name1, name2):
    contact = f"alice\\40{name1}@{gateway}".replace(":", "\\3a")
    bob_there = f"bob\\40{name2}@{gateway}".replace(":", "\\3a")
    await alice.takes_part(gateway)
    await bob.takes_part(gateway)
    answer = await bob["xep_0060"].subscribe(contact, FEED, timeout=PATIENCE)
    show("subscribed", state=answer["pubsub"]["subscription"]["subscription"])
    await alice.hears(lambda m: name2 in m["body"] and "follow" in m["body"])

    await alice.publishes("first", "On the balcony")
    event = await bob.hears(lambda m: m["from"].bare == contact and m.xml.find(f".//{ATOM}entry") is not None)
    show("event", type=event["type"], **entry_facts(event.xml.find(f".//{ATOM}entry")))
    letter = await bob.hears(lambda m: m["from"].bare == contact and "On the balcony" in m["body"])
    show("message", type=letter["type"])
    items = await bob["xep_0060"].get_items(contact, FEED, max_items=5, timeout=PATIENCE)
    entries = [entry_facts(e) for e in items.xml.iter(ATOM + "entry")]
    show("items", titles=[e["title"] for e in entries], same=[i.get("id") for i in items.xml.iter("{http://jabber.org/protocol/pubsub}item")] == [letter["id"]])

    m = bob.make_message(contact, mtype="chat")
    reactions = ET.SubElement(m.xml, REACTIONS + "reactions", id=letter["id"])
    ET.SubElement(reactions, REACTIONS + "reaction").text = "❤"
    m.send()
    liked = await alice.hears(lambda m: m["from"].bare == bob_there and ("❤" in str(m) or "likes" in m["body"]))
    show("liked", by=liked["from"].bare == bob_there)

    comment = ET.Element(ATOM + "entry")
    ET.SubElement(comment, ATOM + "title").text = "What light through yonder window breaks?"
    await bob["xep_0060"].publish(contact, FEED + ":comments/" + letter["id"], payload=comment, timeout=PATIENCE)
    answer = await alice.hears(lambda m: "yonder window" in m["body"])
    show("commented", by=answer["from"].bare == bob_there)

    await alice["xep_0172"].publish_nick("Alice Capulet", timeout=PATIENCE)
    await alice.publishes("second", "By another name")
    await bob.hears(lambda m: m["from"].bare == contact and "By another name" in m["body"])
    for _ in range(PATIENCE):
        card = await bob["xep_0054"].get_vcard(contact, timeout=PATIENCE)
        name = card["vcard_temp"]["FN"]
        if name == "Alice Capulet":
            break
        # Her server tells of the name beside the post, so it may come with a later one.
        await asyncio.sleep(1)
        await alice.publishes("again", "And again")
        await bob.hears(lambda m: m["from"].bare == contact and "And again" in m["body"])
    show("profile", name=name)
    await bob["xep_0060"].unsubscribe(contact, FEED, timeout=PATIENCE)
    await alice.hears(lambda m: "does not follow you any more" in m["body"])
    show("unsubscribed")


async def main(host1, port1, host2, port2, password, gateway, name1, name2):
    alice, bob = User("alice", password), User("bob", password)
    alice.connect((host1, int(port1)), disable_starttls=True)
    bob.connect((host2, int(port2)), disable_starttls=True)
    await asyncio.wait_for(asyncio.gather(alice.ready, bob.ready), PATIENCE)
    await play(alice, bob, gateway, name1, name2)
    show("end")
    for user in alice, bob:
        user.disconnect()
        await asyncio.wait_for(user.disconnected, PATIENCE)


if __name__ == "__main__":
    try:
        asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
    except Exception as error:  # whatever it was, the test wants to read it
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
