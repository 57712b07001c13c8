package biboumi

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"passerelle/component"
	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

// wishes are what a user set on a server, in a channel or everywhere.
type wishes struct {
	user store.UserID
	on   transports.Target
	set  map[string]string
}

// counterparts are the columns of a user's options on a server that are settings of ours as they stand.
func counterparts() map[string]string {
	return map[string]string{
		"nick_":               ircbridge.SettingNick,
		"username_":           ircbridge.SettingUsername,
		"realname_":           ircbridge.SettingRealname,
		"pass_":               ircbridge.SettingPassword,
		"saslpassword_":       ircbridge.SettingAccountPassword,
		"address_":            ircbridge.SettingAddress,
		"trustedfingerprint_": ircbridge.SettingFingerprint,
	}
}

// servers reads what users set on servers, the lines that are sent there after connecting included.
func (i *importer) servers(ctx context.Context) ([]*wishes, error) {
	var all []*wishes
	byNumber := map[string]*wishes{}
	err := i.From.each(ctx, tableServers, "id_", func(r row) {
		if o := i.server(r); o != nil {
			all, byNumber[r["id_"]] = append(all, o), o
		}
	})
	if err == nil {
		err = i.From.each(ctx, tableCommands, "id_", func(r row) {
			line := strings.TrimSpace(r["afterconnectioncommand_"])
			if o := byNumber[r["fk_"]]; o != nil && line != "" {
				i.accept(o, ircbridge.SettingAfterConnect, strings.TrimPrefix(o.set[ircbridge.SettingAfterConnect]+"\n"+line, "\n"))
			}
		})
	}
	for _, o := range all {
		i.judge(o)
	}
	return all, err
}

// server reads what a user set on a server.
func (i *importer) server(r row) *wishes {
	user, ok := i.user(r["owner_"])
	if !ok {
		i.summary.skip(noOwner)
		return nil
	}
	on, err := ircbridge.Naming{}.Parse(r["server_"])
	if err != nil || on.Kind != transports.TargetNetwork {
		i.summary.skip(noNetwork)
		return nil
	}
	o := &wishes{user: user, on: on, set: map[string]string{}}
	for column, name := range counterparts() {
		i.accept(o, name, strings.TrimSpace(r[column]))
	}
	if strings.EqualFold(o.set[ircbridge.SettingAddress], on.Network) {
		delete(o.set, ircbridge.SettingAddress)
	}
	i.readPorts(o, r)
	// A form without the field, and without ports, leaves 0 there; and what has no TLS has no certificate.
	if r["verifycert_"] == "0" && len(list(r["tlsports_"])) > 0 {
		i.accept(o, ircbridge.SettingVerify, "false")
	}
	i.encodings(o, r)
	if limit := r["throttlelimit_"]; !slices.Contains([]string{"", "0", "10"}, limit) { // old versions have 0 where nothing is set
		i.accept(o, ircbridge.SettingThrottle, limit)
	}
	i.history(o, r)
	return o
}

// accept takes a value where our gateway does.
func (i *importer) accept(o *wishes, name, value string) {
	switch {
	case value == "":
	case !ircbridge.AcceptsSetting(name, value):
		i.summary.skip(refused)
	default:
		o.set[name] = value
	}
}

// readPorts reads the ports of a server. Where there are some with TLS those without are not tried here.
func (i *importer) readPorts(o *wishes, r row) {
	ports, tlsPorts := list(r["ports_"]), list(r["tlsports_"])
	switch {
	case len(tlsPorts) == 0:
		i.accept(o, ircbridge.SettingPorts, strings.Join(ports, "\n"))
	case !slices.Equal(tlsPorts, []string{"6697", "6670"}):
		i.accept(o, ircbridge.SettingTLSPorts, strings.Join(tlsPorts, "\n"))
	}
}

// list is a list of ports.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ' ' })
}

// encodings reads those of a server or a channel.
func (i *importer) encodings(o *wishes, r row) {
	for column, name := range map[string]string{"encodingin_": ircbridge.SettingEncodingIn, "encodingout_": ircbridge.SettingEncodingOut} {
		if value := strings.TrimSpace(r[column]); !strings.EqualFold(value, "UTF-8") {
			i.accept(o, name, value)
		}
	}
}

// history reads how many lines there are when somebody enters a channel, as far as ours has them.
func (i *importer) history(o *wishes, r row) {
	n, err := strconv.Atoi(r["maxhistorylength_"])
	if err != nil || n == 0 || n == component.DefaultHistory { // old versions have 0 where nothing is set
		return
	}
	if n < 0 || n > component.MaxHistory {
		i.summary.leave(o.user, leftHistory)
		n = component.MaxHistory
	}
	o.set[component.SettingHistory] = strconv.Itoa(n)
}

// judge notes what of it the operator's configuration does not allow, and where the user would have the network be. All is kept: it has
// an effect once the operator allows it.
func (i *importer) judge(o *wishes) {
	if i.Check != nil {
		for _, f := range i.Check(o.on, o.set) {
			if why := notAllowed(f.Field); why != "" {
				i.summary.leave(o.user, why)
			}
		}
	}
	host := o.set[ircbridge.SettingAddress]
	tlsPorts, ports := strings.Fields(o.set[ircbridge.SettingTLSPorts]), strings.Fields(o.set[ircbridge.SettingPorts])
	if host == "" && len(tlsPorts)+len(ports) == 0 {
		return
	}
	if host == "" {
		host = o.on.Network
	}
	if len(tlsPorts)+len(ports) == 0 {
		tlsPorts = []string{"6697"}
	}
	for _, port := range tlsPorts {
		into(i.summary.hosts, o.on.Network, net.JoinHostPort(host, port))
	}
	for _, port := range ports {
		into(i.summary.hosts, o.on.Network, net.JoinHostPort(host, port)+" without TLS")
	}
}

// notAllowed is what the operator does not allow, by the field that is at fault.
func notAllowed(field string) string {
	switch field {
	case ircbridge.SettingAddress:
		return leftAddress
	case ircbridge.SettingPorts:
		return leftPlain
	case ircbridge.SettingTLSPorts:
		return leftPorts
	case ircbridge.SettingVerify:
		return leftUnverified
	case ircbridge.SettingThrottle:
		return leftThrottle
	}
	return ""
}

// settings are the wishes as settings of ours.
func (o *wishes) settings(scope string) []setting {
	var all []setting
	for name, value := range o.set {
		all = append(all, setting{o.user, scope, name, value, slices.Contains(ircbridge.SecretSettings(), name)})
	}
	return all
}
