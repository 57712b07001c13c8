package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dmarc"
)

// Resolver asks the DNS. *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// State is what became of the check of one record.
type State string

// The states.
const (
	Right   State = "right"
	Missing State = "missing"
	Wrong   State = "wrong"
	Unknown State = "unknown" // the DNS did not answer
)

// Finding is what was found in the place of a record.
type Finding struct {
	Record Record
	State  State
	Found  []string // what is there
	Says   string   // a sentence for the operator; empty where there is nothing to say
}

// Bad reports whether mail does not work, or not well, because of it.
func (f Finding) Bad() bool {
	return f.State == Wrong || f.State == Unknown || f.State == Missing && !f.Record.Extra
}

// Checker compares what is published with what should be.
type Checker struct {
	Resolver Resolver
	// Get fetches a file from the web, of at most limit bytes. Without it the file of MTA-STS is not looked at.
	Get func(ctx context.Context, url string, limit int64) ([]byte, error)
}

// Check looks for each record. It returns one finding for each, in their order.
func (c Checker) Check(ctx context.Context, o Options) []Finding {
	var all []Finding
	for _, r := range o.Records() {
		var f Finding
		switch r.Kind {
		case MX:
			f = c.mx(ctx, o)
		case Address:
			f = c.address(ctx, o)
		case Reverse:
			f = c.reverse(ctx, o)
		case SPF:
			f = c.spf(ctx, o)
		case Policy:
			f = c.policy(ctx, r, o)
		default:
			f = c.text(ctx, r)
		}
		f.Record = r
		all = append(all, f)
	}
	return all
}

// failed is what an error of the DNS means.
func failed(err error) Finding {
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return Finding{State: Missing}
	}
	return Finding{State: Unknown, Says: "the DNS server does not answer: " + err.Error()}
}

func (c Checker) mx(ctx context.Context, o Options) Finding {
	servers, err := c.Resolver.LookupMX(ctx, o.Domain)
	if err != nil {
		return failed(err)
	}
	f := Finding{State: Wrong}
	best := 1 << 16
	for _, s := range servers {
		host := fold(s.Host)
		f.Found = append(f.Found, fmt.Sprintf("%d %s", s.Pref, host))
		if host == fold(o.Hostname) {
			f.State = Right
		}
		best = min(best, int(s.Pref))
	}
	switch {
	case slices.ContainsFunc(servers, func(s *net.MX) bool { return s.Host == "." }):
		f.State, f.Says = Wrong, "it says that the domain takes no mail at all (RFC 7505)"
	case f.State == Right && len(servers) > 1:
		f.Says = "mail that the other servers take has to reach this one from there"
	case f.State == Right:
	case !o.MX && len(servers) > 0:
		f.State, f.Says = Right, "that has to hand mail for the users here over by LMTP"
	default:
		f.Says = "mail goes to another server"
	}
	return f
}

func (c Checker) address(ctx context.Context, o Options) Finding {
	addrs, err := c.Resolver.LookupIPAddr(ctx, o.Hostname)
	if err != nil {
		return failed(err)
	}
	f := Finding{State: Right}
	for _, a := range addrs {
		f.Found = append(f.Found, a.String())
		if a.IP.IsLoopback() || a.IP.IsPrivate() || a.IP.IsUnspecified() || a.IP.IsLinkLocalUnicast() {
			f.State, f.Says = Wrong, "nobody outside of your network reaches "+a.String()
		}
	}
	return f
}

func (c Checker) reverse(ctx context.Context, o Options) Finding {
	addrs, err := c.Resolver.LookupIPAddr(ctx, o.Hostname)
	if err != nil {
		return failed(err)
	}
	f := Finding{State: Right}
	for _, a := range addrs {
		names, err := c.Resolver.LookupAddr(ctx, a.IP.String())
		if err != nil {
			if got := failed(err); got.State == Unknown {
				return got
			}
			f.State, f.Found, f.Says = Missing, append(f.Found, a.String()+" has no name"), ""
			continue
		}
		for i := range names {
			names[i] = fold(names[i])
		}
		f.Found = append(f.Found, a.String()+" is "+strings.Join(names, ", "))
		if !slices.Contains(names, fold(o.Hostname)) && f.State == Right {
			f.State = Wrong
		}
	}
	return f
}

// spf asks for the record and, where it is known who sends, whether he may.
func (c Checker) spf(ctx context.Context, o Options) Finding {
	texts, err := c.Resolver.LookupTXT(ctx, o.Domain)
	if err != nil {
		return failed(err)
	}
	f := Finding{State: Right}
	for _, t := range texts {
		if t == "v=spf1" || strings.HasPrefix(strings.ToLower(t), "v=spf1 ") {
			f.Found = append(f.Found, t)
		}
	}
	switch len(f.Found) {
	case 0:
		return Finding{State: Missing}
	case 1:
	default:
		f.State, f.Says = Wrong, "there are several, and others take that for none; write one (RFC 7208 §4.5)"
		return f
	}
	host := o.Smarthost
	if o.Direct {
		host = o.Hostname
	}
	if host == "" {
		return f
	}
	addrs, err := c.Resolver.LookupIPAddr(ctx, host)
	if err != nil && net.ParseIP(host) == nil {
		f.Says = "who sends is not known, since " + host + " is not found"
		return f
	}
	if ip := net.ParseIP(host); ip != nil {
		addrs = []net.IPAddr{{IP: ip}}
	}
	for _, a := range addrs {
		addr, ok := netip.AddrFromSlice(a.IP)
		if !ok || addr.Unmap().IsLoopback() || addr.Unmap().IsPrivate() {
			continue // it goes out from another address
		}
		result, err := spf.CheckHostWithSender(a.IP, fold(o.Hostname), "postmaster@"+o.Domain, spf.WithContext(ctx), spf.WithResolver(c.Resolver))
		switch {
		case result == spf.Pass:
		case result == spf.TempError:
			f.State, f.Says = Unknown, fmt.Sprintf("the DNS server does not answer: %v", err)
		case result == spf.PermError:
			f.State, f.Says = Wrong, fmt.Sprintf("it cannot be read: %v", err)
		case o.Direct:
			f.State, f.Says = Wrong, fmt.Sprintf("this machine (%s) is not in it: %s", a.String(), result)
		default:
			// A smarthost often sends from other addresses than it is reached at.
			f.Says = fmt.Sprintf("%s (%s) is not in it; that is right if it sends from other addresses, so ask who runs it what to write", host, a.String())
		}
	}
	return f
}

// text looks for a TXT record.
func (c Checker) text(ctx context.Context, r Record) Finding {
	texts, err := c.Resolver.LookupTXT(ctx, r.Name)
	if err != nil {
		return failed(err)
	}
	version, _, _ := strings.Cut(r.Value, ";")
	f := Finding{State: Right}
	for _, t := range texts {
		if v, _, _ := strings.Cut(t, ";"); strings.ReplaceAll(v, " ", "") == version || r.Kind == DKIM {
			f.Found = append(f.Found, t)
		}
	}
	switch {
	case len(f.Found) == 0:
		return Finding{State: Missing}
	case len(f.Found) > 1:
		f.State, f.Says = Wrong, "there are several, and others take that for none; write one"
		return f
	}
	found := f.Found[0]
	switch r.Kind {
	case DKIM:
		want, have := tags(r.Value), tags(found)
		switch {
		case have["p"] == "" && strings.Contains(found, "p="):
			f.State, f.Says = Wrong, "it revokes the key"
		case have["p"] != want["p"]:
			f.State, f.Says = Wrong, "it is another key"
			if strings.HasPrefix(want["p"], have["p"]) {
				f.Says = "it is cut off; write a long text as several strings"
			}
		case orRSA(have["k"]) != orRSA(want["k"]):
			f.State, f.Says = Wrong, "the kind of the key (k) is another"
		case slices.Contains(strings.Split(have["t"], ":"), "y"):
			f.Says = "t=y has others ignore the signatures while you try; take it away"
		}
	case DMARC:
		record, err := dmarc.Parse(found)
		if err != nil {
			f.State, f.Says = Wrong, err.Error()
		} else if record.Policy == dmarc.PolicyNone {
			f.Says = "p=none asks for reports alone; quarantine or reject protects your users' names"
		}
	case MTASTS:
		if tags(found)["id"] == "" {
			f.State, f.Says = Wrong, "it has no id"
		}
	case TLSRPT:
		if tags(found)["rua"] == "" {
			f.State, f.Says = Wrong, "it does not say where reports go (rua)"
		}
	}
	return f
}

func orRSA(k string) string {
	if k == "" {
		return "rsa"
	}
	return k
}

// tags are the values of a record of the form a=b; c=d, without the space that may be in them.
func tags(s string) map[string]string {
	found := make(map[string]string)
	for part := range strings.SplitSeq(s, ";") {
		if k, v, ok := strings.Cut(part, "="); ok {
			found[strings.TrimSpace(k)] = strings.Join(strings.Fields(v), "")
		}
	}
	return found
}

const maxPolicy = 64 << 10 // bytes (RFC 8461 §3.3)

// policy reads the file of MTA-STS as another server would.
func (c Checker) policy(ctx context.Context, r Record, o Options) Finding {
	if c.Get == nil {
		return Finding{State: Missing, Says: "it was not looked at"}
	}
	text, err := c.Get(ctx, r.Name, maxPolicy)
	if err != nil {
		return Finding{State: Missing, Says: err.Error()}
	}
	f := Finding{State: Wrong, Says: "it is no policy: its first line is not version: STSv1"}
	values := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			k, v = strings.TrimSpace(k), strings.TrimSpace(v)
			values[k] = append(values[k], v)
			f.Found = append(f.Found, k+": "+v)
		}
		if len(f.Found) > 100 {
			break
		}
	}
	if !slices.Equal(values["version"], []string{"STSv1"}) {
		return f
	}
	f.State, f.Says = Right, ""
	if !slices.ContainsFunc(values["mx"], func(mx string) bool { return matches(fold(mx), fold(o.Hostname)) }) {
		f.State, f.Says = Wrong, "it does not name "+o.Hostname+": servers that keep to it bring no mail"
	}
	switch mode := strings.Join(values["mode"], " "); mode {
	case "enforce":
	case "testing":
		if f.Says == "" {
			f.Says = "testing protects nobody yet; enforce does"
		}
	case "none":
	default:
		f.State, f.Says = Wrong, fmt.Sprintf("its mode is %q, not enforce, testing or none", mode)
	}
	return f
}

// matches reports whether a name of a policy, perhaps with an asterisk for its first label, is that of a host (RFC 8461 §4.1).
func matches(pattern, host string) bool {
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		_, host, ok = strings.Cut(host, ".")
		return ok && host == rest
	}
	return pattern == host
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Over has a client of HTTP fetch the file of MTA-STS. It follows no redirect (RFC 8461 §3.3).
func Over(client *http.Client) func(ctx context.Context, url string, limit int64) ([]byte, error) {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return func(ctx context.Context, url string, limit int64) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		resp, err := own.Do(req)
		if err != nil {
			return nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("the web server says %s", resp.Status)
		}
		return io.ReadAll(io.LimitReader(resp.Body, limit))
	}
}
