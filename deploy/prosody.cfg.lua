-- Passerelle in Prosody: put this at the end of /etc/prosody/prosody.cfg.lua, then `systemctl restart prosody`.

Component "irc.example.org"
    -- The same as in passerelle's configuration. A good one: openssl rand -hex 24
    component_secret = "CHANGE-ME"
    -- After a crash the new connection replaces the old one instead of being refused until that times out.
    component_conflict_resolve = "kick_old"

-- Prosody takes components on port 5347 of the loopback interface. For passerelle on another machine, use a private network,
-- because the connection is not encrypted, and set these at the top of the file:
--   component_ports = { 5347 }
--   component_interfaces = { "10.0.0.1" }

-- A component below a VirtualHost ("irc.example.org" below "example.org") is found by clients as it is. For another domain, add
-- to that VirtualHost:
--   disco_items = { { "irc.example.net", "IRC" } }

-- With mod_privilege (Debian: prosody-modules) whoever registers has the gateway in their contact list without being asked, and a room
-- that somebody asks the bot for is in their bookmarks, so that it appears in all their clients; without, they get an invitation and a
-- link. What they read and write with IRC clients of their own, at a bouncer, is read and written for their XMPP clients. Add to the
-- VirtualHost:
--   modules_enabled = { "privilege" }  -- or to the list that is there
--   privileged_entities = { ["irc.example.org"] = { roster = "both", message = "outgoing",
--       iq = { ["http://jabber.org/protocol/pubsub"] = "both" } } }
-- and to the component above:
--   modules_enabled = { "privilege" }

-- Long messages are uploaded to the users' own server. Where its http_file_share has an access list, add the gateway:
--   http_file_share_access = { "irc.example.org" }

-- Messages of users go to their email by the gateway to email, if they want that and `redirect` is on in passerelle's configuration. It learns of them
-- best by a module of its own: put deploy/prosody/mod_passerelle_redirect.lua of passerelle into a folder for modules, here
-- /usr/local/lib/prosody/modules, and set, at the top of the file:
--   plugin_paths = { "/usr/local/lib/prosody/modules" }
-- and in the VirtualHost:
--   modules_enabled = { "passerelle_redirect" }  -- or in the list that is there
--   passerelle_redirect_gateway = "mail.example.org"
-- Without it, pushes (mod_cloud_notify, Debian: prosody-modules) tell that something came, if the privileges of the gateway have:
--   iq = { ["http://jabber.org/protocol/pubsub"] = "both", ["urn:xmpp:push:0"] = "set", ["urn:xmpp:mam:2"] = "both" }, presence = "managed_entity"

-- A gateway to the social web that is let like this sees what users publish without asking them, and what they publish by message is in their own feeds:
--   privileged_entities = { ["social.example.org"] = { roster = "both",
--       iq = { ["http://jabber.org/protocol/pubsub"] = "both" } } }
