-- mod_passerelle_redirect: copies the messages of users who want that to the gateway Passerelle, which brings them to their email.
--
-- For Prosody 0.12 and newer. Put this file into a folder of plugin_paths, and in the configuration:
--
--     plugin_paths = { "/usr/local/lib/prosody/modules" }
--     VirtualHost "example.org"
--         modules_enabled = { "passerelle_redirect" }
--         passerelle_redirect_gateway = "mail.example.org"
--
-- Of whom something is copied is kept by this server, in the store "passerelle_redirect". A user decides that himself, by an iq to his own
-- account or the command "Copies of messages to email" of his client, or the gateway does, where it was asked to. Nobody else can, and where a
-- user has said no to his server the gateway cannot either. Whoever writes to somebody learns nothing of it: copies are sent by the host, and
-- what becomes of them is told to nobody.
--
-- What gateway and module say to each other is in docs/redirect-protocol.md.

local st = require "util.stanza";
local jid = require "util.jid";
local datetime = require "util.datetime";
local dataform = require "util.dataforms".new;
local user_exists = require "core.usermanager".user_exists;
local load_roster = require "core.rostermanager".load_roster;
local modulemanager = require "core.modulemanager";

local ns = "urn:passerelle:redirect:0";
local host = module.host;
local gateway = module:get_option_string("passerelle_redirect_gateway");
-- Only what is pushed to the gateway (XEP-0357) is made whole; nothing is copied.
local push_only = module:get_option_boolean("passerelle_redirect_push_only", false);

if not gateway then
	module:log("error", "passerelle_redirect_gateway is not set: nothing is copied");
	return;
end

-- Pushes to the gateway have the message as it is. Other push services get what they got before. In Prosody cloud_notify sends both.
module:hook("cloud_notify/push", function (event)
	local message = event.original_stanza;
	if event.push_info.jid ~= gateway or not message or message.name ~= "message" then return; end
	local copy = st.clone(message);
	copy.attr.xmlns = "jabber:client";
	event.notification_payload:tag("forwarded", { xmlns = "urn:xmpp:forward:0" }):add_child(copy):up();
end);

if push_only then return; end

module:add_feature(ns);

---------------------------------------------------------------------------------------------------------------------------------------
-- Who wants it: { mode = "offline" | "all" | "rooms" | "none", by = "user" | "gateway", since = when he began to want it }

local wishes = module:open_store("passerelle_redirect");
local known = {}; -- by user name; false where there is nothing

local function wish_of(user)
	local wish = known[user];
	if wish == nil then
		local err;
		wish, err = wishes:get(user);
		if err then return nil; end -- the storage has a fault: asked again next time
		wish = wish or false;
		-- Messages come for names that nobody has: they are not remembered.
		if wish or user_exists(user, host) then known[user] = wish; end
	end
	return wish or nil;
end

local function mode_of(user)
	local wish = wish_of(user);
	return wish and wish.mode or "none";
end

local modes = { none = true, offline = true, all = true, rooms = true };

-- set_mode returns nil and why not where it could not be set. What a user has refused himself the gateway does not change.
local function set_mode(user, mode, by)
	local old = wish_of(user);
	if by == "gateway" and old and old.by == "user" and old.mode == "none" then
		if mode == "none" then return true; end
		return nil, "forbidden";
	end
	local wish = { mode = mode, by = by, since = old and old.mode ~= "none" and old.since or os.time() };
	if mode == "none" and by == "gateway" then wish = nil; end
	if not wishes:set(user, wish) then return nil, "internal-server-error"; end
	known[user] = wish or false;
	if by == "user" then -- the gateway learns of it
		module:send(st.message({ from = host, to = gateway, type = "headline" })
			:tag("redirect", { xmlns = ns, user = user.."@"..host, mode = mode, by = by }));
	end
	return true;
end

module:hook_global("user-deleted", function (event)
	if event.host ~= host then return; end
	known[event.username] = nil;
	wishes:set(event.username, nil);
end);

local function archive_name() -- of mod_mam
	return modulemanager.is_loaded(host, "mam") and module:get_option_string("archive_store", "archive") or nil;
end

local function append_state(reply, user)
	local wish = wish_of(user);
	return reply:tag("redirect", {
		xmlns = ns; user = user.."@"..host; mode = mode_of(user); by = wish and wish.by or nil; archive = archive_name() and "true" or "false";
		now = datetime.datetime(os.time());
	}):up();
end

-- allowed says for whom an iq speaks: the user, and who it is that speaks. Everybody else gets nil, and the answer that a server without this
-- module gives.
local function allowed(event)
	local origin, stanza = event.origin, event.stanza;
	if origin.type == "c2s" and origin.host == host then
		local own = origin.username.."@"..host;
		if not stanza.attr.to or stanza.attr.to == own then return origin.username, "user"; end
		return nil;
	end
	local user, user_host = jid.split(stanza.attr.to);
	if stanza.attr.from == gateway and user_host == host and user and user_exists(user, host) then return user, "gateway"; end
	return nil;
end

local function handle_redirect(event)
	local origin, stanza = event.origin, event.stanza;
	local user, by = allowed(event);
	if not user then return; end
	if stanza.attr.type == "set" then
		local mode = stanza.tags[1].attr.mode;
		if not modes[mode] then
			origin.send(st.error_reply(stanza, "modify", "bad-request", "The mode is none, offline, all or rooms."));
			return true;
		end
		local ok, condition = set_mode(user, mode, by);
		if not ok then
			origin.send(st.error_reply(stanza, condition == "forbidden" and "auth" or "wait", condition));
			return true;
		end
	end
	origin.send(append_state(st.reply(stanza), user));
	return true;
end
module:hook("iq/self/"..ns..":redirect", handle_redirect);
module:hook("iq/bare/"..ns..":redirect", handle_redirect);

---------------------------------------------------------------------------------------------------------------------------------------
-- Copies

-- What tells nobody anything: states of the moment, receipts, what servers add.
local passing = {
	["http://jabber.org/protocol/chatstates"] = true; ["urn:xmpp:receipts"] = true; ["urn:xmpp:sid:0"] = true; ["urn:xmpp:hints"] = true;
	["urn:xmpp:delay"] = true; ["http://jabber.org/protocol/pubsub#event"] = true; ["urn:xmpp:carbons:2"] = true;
	["urn:xmpp:mam:2"] = true; ["http://jabber.org/protocol/nick"] = true; ["urn:xmpp:order-by:1"] = true;
};

-- tells reports whether there is something in a message that somebody may want to know later.
local function tells(message)
	for _, tag in ipairs(message.tags) do
		local xmlns = tag.attr.xmlns;
		if xmlns == nil or xmlns == "jabber:client" then
			if tag.name ~= "thread" then return true; end
		elseif xmlns == "urn:xmpp:chat-markers:0" then -- XEP-0333: only what was displayed counts
			if tag.name ~= "received" and tag.name ~= "markable" then return true; end
		elseif not passing[xmlns] then
			return true;
		end
	end
	return false;
end

local function archive_id(user, message)
	local tag = message:get_child_with_attr("stanza-id", "urn:xmpp:sid:0", "by", user.."@"..host);
	return tag and tag.attr.id or nil;
end

-- append_copy adds what the gateway learns of a message: in what way it came, and the message (XEP-0297).
local function append_copy(to, user, message, about)
	about.xmlns, about.user = ns, user.."@"..host;
	local copy = st.clone(message);
	copy.attr.xmlns = "jabber:client";
	copy.attr.stamp, copy.attr.stamp_legacy = nil, nil;
	if not about.sent and message.attr.from then
		local roster = load_roster(user, host);
		local contact = roster and roster[jid.bare(message.attr.from)];
		about.contact = contact and contact.subscription and contact.subscription ~= "none" and "true" or nil;
	end
	if about.sent and not copy.attr.to then copy.attr.to = user.."@"..host; end
	local stamp = about.stamp;
	about.stamp = nil;
	to:tag("copy", about):tag("forwarded", { xmlns = "urn:xmpp:forward:0" });
	if stamp then to:tag("delay", { xmlns = "urn:xmpp:delay", from = host, stamp = stamp }):up(); end
	return to:add_child(copy):up():up();
end

local function copy(user, message, about)
	about["archive-id"], about.stamp = archive_id(user, message), datetime.datetime(os.time());
	module:send(append_copy(st.message({ from = host, to = gateway, type = "headline" }), user, message, about));
end

-- ignored reports whether a message is never copied: the gateway knows what it writes itself.
local function ignored(message, peer)
	local typ = message.attr.type;
	return typ == "error" or typ == "headline" or jid.host(peer) == gateway or not tells(message);
end

-- reachable reports whether the user has a client that gets messages.
local function reachable(user)
	local sessions = prosody.bare_sessions[user.."@"..host];
	return sessions and sessions.top_resources and #sessions.top_resources > 0;
end

-- Behind mod_mam (0), which gives a message its id, and carbons (-0.5), before it is delivered (-1).
local function incoming(event)
	local message = event.stanza;
	local user, _, resource = jid.split(message.attr.to or (event.origin.full_jid));
	local mode = mode_of(user);
	if message.attr.type == "error" and not resource and mode ~= "none" then -- what was said by way of the gateway came back
		copy(user, message, {});
		return;
	end
	if mode == "none" or mode == "offline" then return; end
	if message.attr.type == "groupchat" then
		if mode == "rooms" and not ignored(message, message.attr.from) then copy(user, message, {}); end
		return;
	end
	if ignored(message, message.attr.from) or jid.bare(message.attr.from) == user.."@"..host then return; end
	-- Where nobody is there it is copied when it is kept for him.
	if reachable(user) or prosody.full_sessions[message.attr.to] then copy(user, message, {}); end
end
module:hook("message/bare", incoming, -0.7);
module:hook("message/full", incoming, -0.7);

local function outgoing(event)
	local message, user = event.stanza, event.origin.username;
	if not user then return; end
	local mode, to = mode_of(user), message.attr.to;
	if mode == "none" or mode == "offline" or not to or jid.bare(to) == user.."@"..host or ignored(message, to) then return; end
	if message.attr.type == "groupchat" and mode ~= "rooms" then return; end
	copy(user, message, { sent = "true" });
end
module:hook("pre-message/bare", outgoing, -0.7);
module:hook("pre-message/full", outgoing, -0.7);

-- Before cloud_notify (1) and offline (-1).
module:hook("message/offline/handle", function (event)
	local message = event.stanza;
	local user = event.username or jid.node(message.attr.to);
	if user and mode_of(user) ~= "none" and message.attr.type ~= "groupchat" and not ignored(message, message.attr.from) then
		copy(user, message, { offline = "true" });
	end
end, 2);

-- A client that slept (XEP-0198) has not come back. Before smacks (0), which keeps nothing for clients that read the archive.
module:hook("delivery/failure", function (event)
	local session, message = event.session, event.stanza;
	local user = session.username;
	if not user or session.host ~= host or message.name ~= "message" or message.attr.xmlns then return; end
	if mode_of(user) == "none" or message.attr.type == "groupchat" or ignored(message, message.attr.from or "") then return; end
	if not session.mam_requested then return; end -- it goes through message/offline/handle
	local sessions = prosody.bare_sessions[user.."@"..host];
	for resource in pairs(sessions and sessions.sessions or {}) do
		if resource ~= session.resource then return; end
	end
	copy(user, message, { offline = "true" });
end, 1);

---------------------------------------------------------------------------------------------------------------------------------------
-- What came while the gateway was away: what the archive has or, for who wants only what came while he was offline and for who has no archive,
-- what is kept for him until his client comes. Nothing of it is taken away.

local most_messages, most_bytes = 50, 120 * 1024; -- of an answer; one message at least

local function catch_up(event)
	local origin, stanza = event.origin, event.stanza;
	local user, by = allowed(event);
	if by ~= "gateway" then return; end
	local asked, mode = stanza.tags[1].attr, mode_of(user);
	local reply = st.reply(stanza):tag("catch-up", { xmlns = ns, mode = mode });
	local answer = reply.tags[1].attr;
	if mode == "none" then
		answer.complete = "true";
		origin.send(reply);
		return true;
	end
	local name = archive_name();
	local offline = not name or mode == "offline" and modulemanager.is_loaded(host, "offline");
	local store = module:open_store(offline and "offline" or name, "archive");
	local limit = math.max(1, math.min(tonumber(asked.max) or most_messages, most_messages));
	local wish = wish_of(user); -- nothing is told of before
	local since = math.max(asked.since and datetime.parse(asked.since) or 0, wish and wish.since or os.time());
	local after = asked.cursor or not offline and asked.after or nil;
	local found, err = store:find(user, { after = after, start = not after and since or nil, limit = limit + 1 });
	if not found and after and not asked.cursor then -- it has expired
		found, err = store:find(user, { start = since, limit = limit + 1 });
	end
	if not found and err and err ~= "item-not-found" then
		module:log("error", "what came for a user cannot be read: %s", tostring(err));
		origin.send(st.error_reply(stanza, "wait", "internal-server-error"));
		return true;
	end
	answer.complete = "true";
	local n, bytes, here = 0, 0, reachable(user);
	for key, message, when in found or function () end do
		local size = #tostring(message);
		if n == limit or n > 0 and bytes + size > most_bytes then
			answer.complete = "false";
			break;
		end
		n, bytes, answer.cursor = n + 1, bytes + size, key;
		local from = message.attr.from;
		local sent = from and jid.bare(from) == user.."@"..host;
		local peer = sent and message.attr.to or from or host;
		if message.name == "message" and not ignored(message, peer) and not (sent and (mode == "offline" or jid.bare(peer) == user.."@"..host)) then
			append_copy(reply, user, message, {
				stamp = when and datetime.datetime(math.floor(when)) or nil; sent = sent and "true" or nil;
				offline = (offline or not here) and not sent and "true" or nil; past = "true";
				["archive-id"] = not offline and key or archive_id(user, message);
			});
		elseif not offline then
			answer["archive-id"] = key; -- how far the archive is read, where the last one is not copied
		end
	end
	origin.send(reply);
	return true;
end
module:hook("iq-get/bare/"..ns..":catch-up", catch_up);

---------------------------------------------------------------------------------------------------------------------------------------
-- What a user says by way of the gateway goes out as if a client of his had sent it: to his other clients (XEP-0280) and his archive too.

local function plain(tag) -- inside the server stanzas have no namespace
	if tag.attr.xmlns == "jabber:client" then
		tag.attr.xmlns = nil;
		for _, child in ipairs(tag.tags) do plain(child); end
	end
end

module:hook("message/host", function (event)
	local origin, stanza = event.origin, event.stanza;
	local speak = stanza:get_child("speak", ns);
	if not speak or stanza.attr.type == "error" then return; end
	if stanza.attr.from ~= gateway then return; end
	local message = speak:find("{urn:xmpp:forward:0}forwarded/{jabber:client}message");
	local user, user_host, resource = jid.split(message and message.attr.from);
	if not user or user_host ~= host or resource or not message.attr.to or not jid.prep(message.attr.to) then
		origin.send(st.error_reply(stanza, "modify", "bad-request"));
		return true;
	end
	if mode_of(user) == "none" or not user_exists(user, host) then
		origin.send(st.error_reply(stanza, "auth", "forbidden"));
		return true;
	end
	message = st.clone(message);
	plain(message);
	prosody.core_post_stanza({ username = user, host = host, type = "c2s", log = module._log, send = function (answer)
		if answer.name == "message" and answer.attr.type == "error" then copy(user, answer, {}); end -- of this server's own
		return true;
	end }, message, true);
	return true;
end);

---------------------------------------------------------------------------------------------------------------------------------------
-- The command, for clients that run some (XEP-0050).

module:depends("adhoc");
local adhoc = module:require("adhoc");
local form = dataform {
	title = "Copies of messages to email";
	instructions = "The gateway "..gateway.." can bring your messages to your email. For that it gets copies of them.";
	{ name = "FORM_TYPE"; type = "hidden"; value = ns; };
	{ name = "mode"; type = "list-single"; required = true; label = "Which messages"; options = {
		{ value = "none"; label = "None, whatever the gateway asks for" }; { value = "offline"; label = "What comes while I am offline" };
		{ value = "all"; label = "All that I get and write, and what I have read" }; { value = "rooms"; label = "All, and what is said in rooms" };
	} };
};
local command = require "util.adhoc".new_initial_data_form(form, function (data)
	return { mode = mode_of(jid.node(data.from)) };
end, function (fields, err, data)
	local user, user_host = jid.split(data.from);
	if user_host ~= host then return { status = "completed"; error = { message = "This is for users of "..host.."." } }; end
	if err or not modes[fields.mode] then return { status = "completed"; error = { message = "Choose which messages." } }; end
	if not set_mode(user, fields.mode, "user") then return { status = "completed"; error = { message = "It could not be stored. Try again later." } }; end
	return { status = "completed"; info = "Done." };
end);
module:provides("adhoc", adhoc.new("Copies of messages to email", ns, command, "local_user"));
