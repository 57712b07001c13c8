%% mod_passerelle_redirect: copies the messages of users who want that to the gateway Passerelle, which brings them to their email.
%%
%% For ejabberd 23.01 and newer; it needs no headers. On Debian, with the compiler of Erlang (in the package erlang-base, which ejabberd has brought):
%%
%%     sudo install -d /usr/local/lib/ejabberd
%%     sudo erlc -o /usr/local/lib/ejabberd -pa "$(dirname "$(dpkg -L ejabberd | grep '/gen_mod.beam')")" mod_passerelle_redirect.erl
%%     echo 'ERL_OPTIONS="-env ERL_CRASH_DUMP_BYTES 0 -pa /usr/local/lib/ejabberd"' | sudo tee -a /etc/default/ejabberd
%%
%% In ejabberd.yml, then restart ejabberd:
%%
%%     modules:
%%       mod_passerelle_redirect: {gateway: mail.example.org}
%%
%% Of whom something is copied is kept by this server, in the table passerelle_redirect of Mnesia. A user decides that himself, by an iq to
%% his own account or the command "Copies of messages to email" of this server (where mod_adhoc is on), or the gateway does, where it was asked
%% to. Nobody else can, and where a user has said no to his server the gateway cannot either. Whoever writes to somebody learns nothing of it:
%% copies are sent by the host, and what becomes of them is told to nobody.
%%
%% What gateway and module say to each other is in docs/redirect-protocol.md.

-module(mod_passerelle_redirect).
-behaviour(gen_mod).

-export([start/2, stop/1, reload/3, depends/2, mod_options/1, mod_opt_type/1, mod_doc/0]).
-export([decode_iq_subel/1, process_iq/1, disco_features/5, sm_receive_packet/1, user_send_packet/1, offline_message/1, c2s_terminated/2, local_message/1, remove_user/2,
         adhoc_items/4, adhoc_command/4]).

-record(passerelle_redirect, {us, mode, by, since}). % since is when he began to want it, in microseconds

-define(NS, <<"urn:passerelle:redirect:0">>).
-define(FORWARD, <<"urn:xmpp:forward:0">>).
-define(DELAY, <<"urn:xmpp:delay">>).
-define(SID, <<"urn:xmpp:sid:0">>).
-define(MARKERS, <<"urn:xmpp:chat-markers:0">>).
-define(RSM, <<"http://jabber.org/protocol/rsm">>).
-define(COMMANDS, <<"http://jabber.org/protocol/commands">>).
-define(FORM, <<"jabber:x:data">>).

%% Of an answer to what came while the gateway was away; one message at least.
-define(MOST_MESSAGES, 50).
-define(MOST_BYTES, 122880).

%% How late a message may be kept, in microseconds.
-define(OVERLAP, 30000000).

start(Host, _Opts) ->
    ejabberd_mnesia:create(?MODULE, passerelle_redirect,
                           [{disc_copies, [node()]}, {attributes, record_info(fields, passerelle_redirect)}]),
    gen_iq_handler:add_iq_handler(ejabberd_sm, Host, ?NS, ?MODULE, process_iq),
    [ejabberd_hooks:add(Hook, Host, ?MODULE, F, Priority) || {Hook, F, Priority} <- hooks()],
    ok.

stop(Host) ->
    [ejabberd_hooks:delete(Hook, Host, ?MODULE, F, Priority) || {Hook, F, Priority} <- hooks()],
    gen_iq_handler:remove_iq_handler(ejabberd_sm, Host, ?NS),
    ok.

reload(_Host, _New, _Old) -> ok.
depends(_Host, _Opts) -> [{mod_disco, hard}].
mod_opt_type(gateway) -> econf:domain().
mod_options(_Host) -> [gateway].
mod_doc() -> #{}.

%% mod_mam (50 and 88) gives a message its id before; for who is offline it has been kept (49, 50), so that it is there when the gateway asks.
hooks() ->
    [{disco_local_features, disco_features, 60}, {sm_receive_packet, sm_receive_packet, 60}, {user_send_packet, user_send_packet, 90},
     {offline_message_hook, offline_message, 60}, {c2s_terminated, c2s_terminated, 40}, {local_send_to_resource_hook, local_message, 40}, {remove_user, remove_user, 50},
     {adhoc_local_items, adhoc_items, 60}, {adhoc_local_commands, adhoc_command, 60}].

gateway(Host) -> gen_mod:get_module_opt(Host, ?MODULE, gateway).

disco_features({result, Features}, _From, _To, <<>>, _Lang) -> {result, [?NS | Features]};
disco_features(empty, _From, _To, <<>>, _Lang) -> {result, [?NS]};
disco_features(Acc, _From, _To, _Node, _Lang) -> Acc.

%% Who wants it

wish(LUser, LServer) ->
    case mnesia:dirty_read(passerelle_redirect, {LUser, LServer}) of
        [#passerelle_redirect{mode = Mode, by = By}] -> {Mode, By};
        [] -> {none, undefined}
    end.

mode(LUser, LServer) -> element(1, wish(LUser, LServer)).

%% since is from when on somebody wants it: nothing is told of before.
since(LUser, LServer) ->
    case mnesia:dirty_read(passerelle_redirect, {LUser, LServer}) of
        [#passerelle_redirect{mode = Mode, since = Since}] when Mode /= none -> Since;
        _ -> erlang:system_time(microsecond)
    end.

%% What a user has refused himself the gateway does not change.
set_mode(LUser, LServer, Mode, By) ->
    case wish(LUser, LServer) of
        {none, user} when By == gateway, Mode == none -> ok;
        {none, user} when By == gateway -> forbidden;
        _ ->
            Since = since(LUser, LServer),
            F = fun() when Mode == none, By == gateway -> mnesia:delete({passerelle_redirect, {LUser, LServer}});
                   () -> mnesia:write(#passerelle_redirect{us = {LUser, LServer}, mode = Mode, by = By, since = Since})
                end,
            case mnesia:sync_transaction(F) of
                {atomic, ok} -> told(LUser, LServer, Mode, By);
                _ -> failed
            end
    end.

%% told has the gateway learn what a user has set himself.
told(LUser, LServer, Mode, user) ->
    send(LServer, [{xmlel, <<"redirect">>, [{<<"xmlns">>, ?NS}, {<<"user">>, bare(LUser, LServer)}, {<<"mode">>, atom_to_binary(Mode)},
                                            {<<"by">>, <<"user">>}], []}]);
told(_, _, _, _) -> ok.

remove_user(User, Server) ->
    mnesia:dirty_delete(passerelle_redirect, {jid:nodeprep(User), jid:nameprep(Server)}),
    ok.

%% allowed says who it is that an iq speaks for a user as.
allowed(From, To) ->
    {ToUser, ToServer, _} = jid:tolower(To),
    case jid:tolower(jid:remove_resource(From)) of
        {ToUser, ToServer, _} -> user;
        {<<>>, Server, _} ->
            case Server == gateway(ToServer) andalso jid:tolower(From) == {<<>>, Server, <<>>} andalso ejabberd_auth:user_exists(ToUser, ToServer) of
                true -> gateway;
                false -> nobody
            end;
        _ -> nobody
    end.

%% What is not known to ejabberd stays as it came.
decode_iq_subel(El) -> El.

%% Nobody else gets another answer than that of a server without this module.
process_iq(IQ) ->
    {LUser, LServer, _} = jid:tolower(xmpp:get_to(IQ)),
    By = allowed(xmpp:get_from(IQ), xmpp:get_to(IQ)),
    [El | _] = [xmpp:encode(E) || E <- xmpp:get_els(IQ)] ++ [{xmlel, <<>>, [], []}],
    case {By, xmpp:get_type(IQ), element(2, El)} of
        {nobody, _, _} -> refuse(IQ);
        {_, get, <<"redirect">>} -> xmpp:make_iq_result(IQ, state(LUser, LServer));
        {_, set, <<"redirect">>} ->
            case parse_mode(fxml:get_tag_attr_s(<<"mode">>, El)) of
                error -> xmpp:make_error(IQ, xmpp:err_bad_request(<<"The mode is none, offline, all or rooms.">>, <<"en">>));
                Mode ->
                    case set_mode(LUser, LServer, Mode, By) of
                        ok -> xmpp:make_iq_result(IQ, state(LUser, LServer));
                        forbidden -> xmpp:make_error(IQ, xmpp:err_forbidden());
                        failed -> xmpp:make_error(IQ, xmpp:err_internal_server_error())
                    end
            end;
        {gateway, get, <<"catch-up">>} -> xmpp:make_iq_result(IQ, catch_up(LUser, LServer, El));
        _ -> refuse(IQ)
    end.

refuse(IQ) -> xmpp:make_error(IQ, xmpp:err_service_unavailable(<<"No module is handling this query">>, xmpp:get_lang(IQ))).

parse_mode(<<"none">>) -> none;
parse_mode(<<"offline">>) -> offline;
parse_mode(<<"all">>) -> all;
parse_mode(<<"rooms">>) -> rooms;
parse_mode(_) -> error.

state(LUser, LServer) ->
    {Mode, By} = wish(LUser, LServer),
    {xmlel, <<"redirect">>, [{<<"xmlns">>, ?NS}, {<<"user">>, bare(LUser, LServer)}, {<<"mode">>, atom_to_binary(Mode)},
                             {<<"archive">>, atom_to_binary(gen_mod:is_loaded(LServer, mod_mam))}, {<<"now">>, now_stamp()}] ++
         [{<<"by">>, atom_to_binary(By)} || By /= undefined], []}.

%% The command, for clients that run some (XEP-0050)

own(From, To) -> element(2, jid:tolower(From)) == element(2, jid:tolower(To)).

adhoc_items(Acc, From, To, _Lang) ->
    case own(From, To) of
        true ->
            Item = xmpp:decode({xmlel, <<"item">>, [{<<"xmlns">>, <<"http://jabber.org/protocol/disco#items">>}, {<<"jid">>, jid:encode(To)},
                                                    {<<"node">>, ?NS}, {<<"name">>, <<"Copies of messages to email">>}], []}),
            {result, [Item | case Acc of {result, Items} -> Items; _ -> [] end]};
        false -> Acc
    end.

adhoc_command(Acc, From, To, Request) ->
    El = xmpp:encode(Request),
    case {fxml:get_tag_attr_s(<<"node">>, El), own(From, To)} of
        {?NS, true} -> run_command(From, El);
        {?NS, false} -> {error, xmpp:err_forbidden()};
        _ -> Acc
    end.

run_command(From, El) ->
    {LUser, LServer, _} = jid:tolower(From),
    case {fxml:get_tag_attr_s(<<"action">>, El), fxml:get_subtag_with_xmlns(El, <<"x">>, ?FORM)} of
        {<<"cancel">>, _} -> command(<<"canceled">>, []);
        {_, false} -> command(<<"executing">>, [{xmlel, <<"actions">>, [{<<"execute">>, <<"complete">>}], [{xmlel, <<"complete">>, [], []}]},
                                                form(LServer, mode(LUser, LServer))]);
        {_, X} ->
            case parse_mode(field(<<"mode">>, X)) of
                error -> {error, xmpp:err_bad_request(<<"Choose which messages.">>, <<"en">>)};
                Mode ->
                    case set_mode(LUser, LServer, Mode, user) of
                        ok -> command(<<"completed">>, [{xmlel, <<"note">>, [{<<"type">>, <<"info">>}], [{xmlcdata, <<"Done.">>}]}]);
                        failed -> {error, xmpp:err_internal_server_error()}
                    end
            end
    end.

%% There is one step, and nothing to be remembered for it.
command(Status, Els) ->
    {xmlel, <<"command">>, [{<<"xmlns">>, ?COMMANDS}, {<<"node">>, ?NS}, {<<"sessionid">>, <<"1">>}, {<<"status">>, Status}], Els}.

form(LServer, Mode) ->
    Text = fun(Name, S) -> {xmlel, Name, [], [{xmlcdata, S}]} end,
    Option = fun({Value, Label}) -> {xmlel, <<"option">>, [{<<"label">>, Label}], [Text(<<"value">>, Value)]} end,
    {xmlel, <<"x">>, [{<<"xmlns">>, ?FORM}, {<<"type">>, <<"form">>}],
     [Text(<<"title">>, <<"Copies of messages to email">>),
      Text(<<"instructions">>, <<"The gateway ", (gateway(LServer))/binary, " can bring your messages to your email. For that it gets copies of them.">>),
      {xmlel, <<"field">>, [{<<"var">>, <<"FORM_TYPE">>}, {<<"type">>, <<"hidden">>}], [Text(<<"value">>, ?NS)]},
      {xmlel, <<"field">>, [{<<"var">>, <<"mode">>}, {<<"type">>, <<"list-single">>}, {<<"label">>, <<"Which messages">>}],
       [{xmlel, <<"required">>, [], []}, Text(<<"value">>, atom_to_binary(Mode)) |
        [Option(O) || O <- [{<<"none">>, <<"None, whatever the gateway asks for">>}, {<<"offline">>, <<"What comes while I am offline">>},
                            {<<"all">>, <<"All that I get and write, and what I have read">>}, {<<"rooms">>, <<"All, and what is said in rooms">>}]]]}]}.

field(Var, {xmlel, _, _, Els}) ->
    case [F || {xmlel, <<"field">>, _, _} = F <- Els, fxml:get_tag_attr_s(<<"var">>, F) == Var] of
        [F | _] -> fxml:get_path_s(F, [{elem, <<"value">>}, cdata]);
        [] -> <<>>
    end.

%% Copies

%% What comes to somebody who has a client that gets it. Where he has none it is copied when it is kept for him.
sm_receive_packet(Packet) when element(1, Packet) == message ->
    {LUser, LServer, LResource} = jid:tolower(xmpp:get_to(Packet)),
    Mode = mode(LUser, LServer),
    case xmpp:get_type(Packet) == error andalso LResource == <<>> andalso Mode /= none of
        true -> copy(LUser, LServer, Packet, []); % what was said by way of the gateway came back
        false -> ok
    end,
    Room = xmpp:get_type(Packet) == groupchat,
    Again = maps:get(from_offline, xmpp:get_meta(Packet), false), % it was copied when it was kept
    case (Mode == all orelse Mode == rooms) andalso (not Room orelse Mode == rooms) andalso not Again
        andalso (reachable(LUser, LServer) orelse LResource /= <<>> andalso ejabberd_sm:is_existing_resource(LUser, LServer, LResource)) of
        true -> incoming(LUser, LServer, Packet, []);
        false -> ok
    end,
    Packet;
sm_receive_packet(Acc) -> Acc.

offline_message({_, Packet} = Acc) ->
    {LUser, LServer, _} = jid:tolower(xmpp:get_to(Packet)),
    case mode(LUser, LServer) /= none andalso xmpp:get_type(Packet) /= groupchat of
        true -> incoming(LUser, LServer, Packet, [{<<"offline">>, <<"true">>}]);
        false -> ok
    end,
    Acc;
offline_message(Acc) -> Acc.

%% A client that slept (XEP-0198) has not come back. What goes through offline_message_hook afterwards comes twice.
c2s_terminated(#{mgmt_state := MgmtState, mgmt_queue := Queue, jid := JID} = State, _Reason) when MgmtState == pending; MgmtState == timeout ->
    {LUser, LServer, LResource} = jid:tolower(JID),
    case mode(LUser, LServer) /= none andalso ejabberd_sm:get_user_resources(LUser, LServer) -- [LResource] == [] of
        true -> [slept(LUser, LServer, P) || {_, _, P} <- p1_queue:to_list(Queue), element(1, P) == message];
        false -> ok
    end,
    State;
c2s_terminated(State, _Reason) -> State.

slept(LUser, LServer, Packet) ->
    case maps:get(carbon_copy, xmpp:get_meta(Packet), false) orelse xmpp:get_type(Packet) == groupchat of
        true -> ok;
        false -> incoming(LUser, LServer, Packet, [{<<"offline">>, <<"true">>}])
    end.

%% contact says that who wrote a message is in the user's contact list.
contact(LUser, LServer, From) ->
    case ejabberd_hooks:run_fold(roster_get_jid_info, LServer, {none, none, []}, [LUser, LServer, jid:remove_resource(From)]) of
        {Subscription, _, _} when Subscription /= none -> [{<<"contact">>, <<"true">>}];
        _ -> []
    end.

incoming(LUser, LServer, Packet, About) ->
    From = xmpp:get_from(Packet),
    Own = jid:tolower(jid:remove_resource(From)) == {LUser, LServer, <<>>},
    case Own orelse ignored(LServer, Packet, From) orelse denied(LServer, Packet) of
        true -> ok;
        false -> copy(LUser, LServer, Packet, contact(LUser, LServer, From) ++ About)
    end.

denied(LServer, Packet) -> % XEP-0191
    ejabberd_hooks:run_fold(privacy_check_packet, LServer, allow, [xmpp:get_to(Packet), Packet, in]) == deny.

user_send_packet({Packet, #{jid := JID}} = Acc) when element(1, Packet) == message ->
    {LUser, LServer, _} = jid:tolower(JID),
    Mode = mode(LUser, LServer),
    To = xmpp:get_to(Packet),
    case (Mode == all orelse Mode == rooms) andalso (xmpp:get_type(Packet) /= groupchat orelse Mode == rooms)
        andalso jid:tolower(jid:remove_resource(To)) /= {LUser, LServer, <<>>} andalso not ignored(LServer, Packet, To)
        andalso not maps:get(carbon_copy, xmpp:get_meta(Packet), false) of
        true -> copy(LUser, LServer, Packet, [{<<"sent">>, <<"true">>}]);
        false -> ok
    end,
    Acc;
user_send_packet(Acc) -> Acc.

%% reachable reports whether the user has a client that gets messages.
reachable(LUser, LServer) -> lists:any(fun({P, _}) -> is_integer(P) andalso P >= 0 end, ejabberd_sm:get_user_present_resources(LUser, LServer)).

%% ignored reports whether a message is never copied: the gateway knows what it writes itself.
ignored(LServer, Packet, Peer) ->
    Type = xmpp:get_type(Packet),
    Type == error orelse Type == headline orelse element(2, jid:tolower(Peer)) == gateway(LServer)
        orelse not tells(xmpp:encode(Packet)).

%% tells reports whether there is something in a message that somebody may want to know later.
tells({xmlel, _, _, Els}) -> lists:any(fun child_tells/1, Els).

child_tells({xmlel, Name, _, _} = El) ->
    case fxml:get_tag_attr_s(<<"xmlns">>, El) of
        ?MARKERS -> Name /= <<"received">> andalso Name /= <<"markable">>; % XEP-0333: only what was displayed counts
        NS when NS == <<>>; NS == <<"jabber:client">> -> Name /= <<"thread">>;
        NS -> not lists:member(NS, passing())
    end;
child_tells(_) -> false.

%% States of the moment, receipts, what servers add.
passing() ->
    [<<"http://jabber.org/protocol/chatstates">>, <<"urn:xmpp:receipts">>, ?SID, <<"urn:xmpp:hints">>, ?DELAY, <<"urn:xmpp:mam:tmp">>,
     <<"http://jabber.org/protocol/pubsub#event">>, <<"urn:xmpp:carbons:2">>, <<"urn:xmpp:mam:2">>, <<"http://jabber.org/protocol/nick">>].

copy(LUser, LServer, Packet, About) ->
    ID = case maps:get(stanza_id, xmpp:get_meta(Packet), undefined) of
             N when is_integer(N) -> [{<<"archive-id">>, integer_to_binary(N)}];
             _ -> []
         end,
    send(LServer, [copy_el(LUser, LServer, xmpp:encode(Packet), [{<<"stamp">>, now_stamp()} | About ++ ID])]).

now_stamp() -> xmpp_util:encode_timestamp(erlang:timestamp()).

%% copy_el is what the gateway learns of a message: in what way it came, and the message (XEP-0297).
copy_el(LUser, LServer, {xmlel, N, Attrs, Els}, About) ->
    {Delay, Rest} = case lists:keytake(<<"stamp">>, 1, About) of
                        {value, {_, Stamp}, A} ->
                            {[{xmlel, <<"delay">>, [{<<"xmlns">>, ?DELAY}, {<<"from">>, LServer}, {<<"stamp">>, Stamp}], []}], A};
                        false -> {[], About}
                    end,
    Message = {xmlel, N, lists:keystore(<<"xmlns">>, 1, Attrs, {<<"xmlns">>, <<"jabber:client">>}), Els},
    {xmlel, <<"copy">>, [{<<"xmlns">>, ?NS}, {<<"user">>, bare(LUser, LServer)} | Rest],
     [{xmlel, <<"forwarded">>, [{<<"xmlns">>, ?FORWARD}], Delay ++ [Message]}]}.

send(LServer, Els) ->
    El = {xmlel, <<"message">>, [{<<"from">>, LServer}, {<<"to">>, gateway(LServer)}, {<<"type">>, <<"headline">>}], Els},
    ejabberd_router:route(xmpp:decode(El, <<"jabber:client">>, [ignore_els])),
    ok.

bare(LUser, LServer) -> jid:encode(jid:make(LUser, LServer)).

%% What came while the gateway was away: what the archive has or, for who wants only what came while he was offline and for who has no archive,
%% what is kept for him until his client comes. Nothing of it is taken away.

catch_up(LUser, LServer, Asked) ->
    Max = max(1, min(?MOST_MESSAGES, to_integer(fxml:get_tag_attr_s(<<"max">>, Asked), ?MOST_MESSAGES))),
    Begin = since(LUser, LServer),
    Since = case decode_time(fxml:get_tag_attr_s(<<"since">>, Asked)) of
                undefined -> misc:usec_to_now(Begin);
                T -> max(T, misc:usec_to_now(Begin))
            end,
    Cursor = fxml:get_tag_attr_s(<<"cursor">>, Asked),
    Mode = mode(LUser, LServer),
    Archive = gen_mod:is_loaded(LServer, mod_mam) andalso not (Mode == offline andalso gen_mod:is_loaded(LServer, mod_offline)),
    {Items, Complete} =
        if Mode == none -> {[], true};
           Archive -> past(LUser, LServer, first([Cursor, before(fxml:get_tag_attr_s(<<"after">>, Asked), Begin)]), Since, Max);
           true -> kept(LUser, LServer, to_integer(Cursor, 0), Since, Max)
        end,
    Here = reachable(LUser, LServer),
    {Els, Last, Fitted} = fit(Items, fun(ID, El) -> past_el(LUser, LServer, Mode, Archive, Here, ID, El) end),
    {xmlel, <<"catch-up">>, [{<<"xmlns">>, ?NS}, {<<"mode">>, atom_to_binary(Mode)},
                             {<<"complete">>, atom_to_binary(Complete andalso Fitted)}] ++
         [{<<"cursor">>, Last} || Last /= <<>>] ++ [{<<"archive-id">>, Last} || Last /= <<>>, Archive], Els}.

first([<<>> | Rest]) -> first(Rest);
first([X | _]) -> X;
first([]) -> <<>>.

%% before is an id some time before another one: they are times in microseconds, and messages are not kept in the order of their ids.
before(ID, Begin) ->
    case to_integer(ID, 0) of
        N when N > ?OVERLAP -> integer_to_binary(max(N - ?OVERLAP, Begin));
        _ -> ID
    end.

to_integer(B, Default) -> try binary_to_integer(B) catch _:_ -> Default end.

decode_time(B) -> try xmpp_util:decode_timestamp(B) catch _:_ -> undefined end.

%% past is a page of the archive, {id, element forwarded} each. In ejabberd's archive ids are times.
past(LUser, LServer, After, Since, Max) ->
    JID = jid:make(LUser, LServer),
    Set = [{xmlel, <<"max">>, [], [{xmlcdata, integer_to_binary(Max)}]}] ++
        [{xmlel, <<"after">>, [], [{xmlcdata, After}]} || After /= <<>>],
    RSM = xmpp:decode({xmlel, <<"set">>, [{<<"xmlns">>, ?RSM}], Set}),
    Query = [{start, Since} || After == <<>>, Since /= undefined],
    {Found, Complete, _} = mod_mam:select(LServer, JID, JID, Query, RSM, chat, only_messages),
    {[{ID, xmpp:encode(Forwarded)} || {ID, _, Forwarded} <- Found], Complete}.

%% kept is a page of what waits for a client.
kept(LUser, LServer, Skip, Since, Max) ->
    All = case gen_mod:is_loaded(LServer, mod_offline) of
              true -> [{xmpp:encode(P), N} || {P, N} <- number(mod_offline:get_offline_els(LUser, LServer))];
              false -> []
          end,
    New = [{integer_to_binary(N), forwarded(El)} || {El, N} <- All, N > Skip, Since == undefined orelse stamp(El) == undefined
                                                        orelse stamp(El) >= Since],
    {lists:sublist(New, Max), length(New) =< Max}.

number(L) -> lists:zip(L, lists:seq(1, length(L))).

stamp(El) ->
    case fxml:get_subtag_with_xmlns(El, <<"delay">>, ?DELAY) of
        false -> undefined;
        Delay -> decode_time(fxml:get_tag_attr_s(<<"stamp">>, Delay))
    end.

forwarded(El) ->
    Delay = case fxml:get_subtag_with_xmlns(El, <<"delay">>, ?DELAY) of
                false -> [];
                D -> [D]
            end,
    {xmlel, <<"forwarded">>, [{<<"xmlns">>, ?FORWARD}], Delay ++ [El]}.

%% fit makes elements of messages as long as they are not too large together.
fit(Items, F) -> fit(Items, F, [], <<>>, 0).

fit([], _, Els, Last, _) -> {lists:reverse(Els), Last, true};
fit([{ID, El} | Rest], F, Els, Last, Size) ->
    case Size + byte_size(fxml:element_to_binary(El)) of
        More when More > ?MOST_BYTES, Last /= <<>> -> {lists:reverse(Els), Last, false};
        More -> fit(Rest, F, F(ID, El) ++ Els, ID, More)
    end.

past_el(LUser, LServer, Mode, Archive, Here, ID, Forwarded) ->
    Message = fxml:get_subtag(Forwarded, <<"message">>),
    Packet = xmpp:decode(Message, <<"jabber:client">>, [ignore_els]),
    Own = fun(JID) -> JID /= undefined andalso jid:tolower(jid:remove_resource(JID)) == {LUser, LServer, <<>>} end,
    {From, To} = {xmpp:get_from(Packet), xmpp:get_to(Packet)},
    Sent = Own(From),
    Peer = if Sent -> To; true -> From end,
    case Peer == undefined orelse Own(Peer) orelse Sent andalso Mode == offline orelse ignored(LServer, Packet, Peer) of
        true -> [];
        false ->
            Stamp = case fxml:get_subtag_with_xmlns(Forwarded, <<"delay">>, ?DELAY) of
                        false -> [];
                        Delay -> [{<<"stamp">>, fxml:get_tag_attr_s(<<"stamp">>, Delay)}]
                    end,
            [copy_el(LUser, LServer, Message, Stamp ++ [{<<"past">>, <<"true">>}] ++ [{<<"archive-id">>, ID} || Archive] ++
                         [{<<"sent">>, <<"true">>} || Sent] ++ case Sent of true -> []; false -> contact(LUser, LServer, Peer) end ++ [{<<"offline">>, <<"true">>} || not Sent, not Here orelse not Archive])]
    end.

%% What a user says by way of the gateway goes out as if a client of his had sent it: to his other clients (XEP-0280) and his archive too.
%% The hook runs before that of mod_privilege, which takes whatever a component sends to the server for its own.

local_message(Packet) when element(1, Packet) == message ->
    {_, LServer, _} = jid:tolower(xmpp:get_to(Packet)),
    case [El || {xmlel, <<"speak">>, _, _} = El <- xmpp:get_els(Packet), fxml:get_tag_attr_s(<<"xmlns">>, El) == ?NS] of
        [Speak | _] ->
            case jid:encode(xmpp:get_from(Packet)) == gateway(LServer) of
                true ->
                    try speak(LServer, Speak) of
                        ok -> ok;
                        forbidden -> ejabberd_router:route_error(Packet, xmpp:err_forbidden())
                    catch
                        _:_ -> ejabberd_router:route_error(Packet, xmpp:err_bad_request())
                    end,
                    stop;
                false -> ok
            end;
        [] -> ok
    end;
local_message(_) -> ok.

speak(LServer, Speak) ->
    El = fxml:get_subtag(fxml:get_subtag_with_xmlns(Speak, <<"forwarded">>, ?FORWARD), <<"message">>),
    Message = xmpp:decode(El, <<"jabber:client">>, ejabberd_config:codec_options()),
    From = xmpp:get_from(Message),
    {LUser, LServer, <<>>} = jid:tolower(From),
    {_, _, _} = jid:tolower(xmpp:get_to(Message)),
    case mode(LUser, LServer) /= none andalso ejabberd_auth:user_exists(LUser, LServer) of
        true ->
            case ejabberd_hooks:run_fold(user_send_packet, LServer, {Message, #{jid => From, user => LUser, lserver => LServer, lang => <<"en">>}}, []) of
                {Sent, _} when is_tuple(Sent) -> ejabberd_router:route(Sent);
                _ -> ok
            end,
            ok;
        false -> forbidden
    end.
