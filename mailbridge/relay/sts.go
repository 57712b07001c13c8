package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"passerelle/internal/safehttp"
)

// Limits of policies (RFC 8461 §3).
const (
	maxPolicy     = 64 << 10         // bytes
	maxPolicyAge  = 31557600         // seconds that one is good for, §3.2
	policyTime    = 20 * time.Second // to fetch one; §3.3 has 60 at most
	maxPolicies   = 10_000           // domains that are remembered
	maxPolicyMX   = 64               // hosts in one
	noPolicyFor   = time.Hour        // until a domain without is asked again
	againPolicy   = 5 * time.Minute  // §3.3: until a fetch that failed is tried again
	policyIDAfter = 10 * time.Minute // until the DNS is asked whether there is a newer one
	stsPath       = "/.well-known/mta-sts.txt"
)

// policy is what a domain says of its mail servers. The nil policy says nothing.
type policy struct {
	mode    string // enforce, testing, none
	mx      []string
	maxAge  time.Duration
	id      string
	expires time.Time
}

func (p *policy) enforced() bool { return p != nil && p.mode == "enforce" }

// allowed are those of hosts that the policy has.
func (p *policy) allowed(hosts []string) []string {
	var all []string
	for _, h := range hosts {
		for _, pattern := range p.mx {
			if matchMX(pattern, h) {
				all = append(all, h)
				break
			}
		}
	}
	return all
}

// matchMX reports whether a host is what a policy names: a host, or with an asterisk any that has one label more (RFC 8461 §4.1).
func matchMX(pattern, host string) bool {
	rest, wild := strings.CutPrefix(pattern, "*.")
	if !wild {
		return pattern == host
	}
	_, parent, _ := strings.Cut(host, ".")
	return parent == rest
}

// policies remembers the policies of domains. Safe to use from any goroutine.
type policies struct {
	r *Relay

	mu    sync.Mutex
	known map[string]*remembered // by domain
}

// remembered is what is known of a domain. Its policy is nil where there is none.
type remembered struct {
	policy *policy
	look   time.Time // when the DNS is asked again
}

func newPolicies(r *Relay) *policies { return &policies{r: r, known: map[string]*remembered{}} }

// policy is what a domain says of its mail servers, nil where it says nothing or nobody can tell. One that was fetched counts until it
// expires, whatever becomes of later fetches (RFC 8461 §5.1).
func (s *policies) policy(ctx context.Context, domain string) *policy {
	if s == nil {
		return nil
	}
	now := s.r.o.Now()
	s.mu.Lock()
	known := s.known[domain]
	s.mu.Unlock()
	if known != nil && now.Before(known.look) {
		return known.good(now)
	}
	next := &remembered{look: now.Add(noPolicyFor)}
	if known != nil {
		next.policy = known.policy
	}
	id, err := s.id(ctx, domain)
	switch {
	case err != nil:
		next.look = now.Add(againPolicy)
	case id == "": // RFC 8461 §5.1: a policy that is known counts on until it expires
	case next.policy != nil && next.policy.id == id && now.Before(next.policy.expires):
		next.look = now.Add(policyIDAfter)
	default:
		fetched, err := s.fetch(ctx, domain)
		if err != nil {
			s.r.o.Log.Info("the policy of a mail domain cannot be fetched", "domain", domain, "error", err)
			next.look = now.Add(againPolicy)
			break
		}
		fetched.id, fetched.expires = id, now.Add(fetched.maxAge)
		next.policy, next.look = fetched, now.Add(policyIDAfter)
	}
	s.remember(domain, next, now)
	return next.good(now)
}

func (m *remembered) good(now time.Time) *policy {
	if m.policy == nil || !now.Before(m.policy.expires) || m.policy.mode == "none" {
		return nil
	}
	return m.policy
}

// remember keeps what is known of a domain. Where that are too many, those that are to be asked again go first, then any.
func (s *policies) remember(domain string, m *remembered, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.known[domain]; !ok && len(s.known) >= maxPolicies {
		for d, old := range s.known {
			if old.good(now) == nil {
				delete(s.known, d)
			}
		}
		for d := range s.known {
			if len(s.known) < maxPolicies {
				break
			}
			delete(s.known, d)
		}
	}
	s.known[domain] = m
}

// id is what the DNS says of the policy of a domain; empty where there is none (RFC 8461 §3.1).
func (s *policies) id(ctx context.Context, domain string) (string, error) {
	texts, err := s.r.resolver().LookupTXT(ctx, "_mta-sts."+domain+".")
	if notFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	id, found := "", 0
	for _, t := range texts {
		if v, ok := strings.CutPrefix(t, "v=STSv1"); ok && (v == "" || v[0] == ';' || v[0] == ' ') {
			found++
			for part := range strings.SplitSeq(v, ";") {
				if value, ok := strings.CutPrefix(strings.TrimSpace(part), "id="); ok && value != "" && len(value) <= 32 {
					id = value
				}
			}
		}
	}
	if found != 1 { // §3.1: more than one is none
		return "", nil
	}
	return id, nil
}

// fetch fetches the policy of a domain (RFC 8461 §3.3).
func (s *policies) fetch(ctx context.Context, domain string) (*policy, error) {
	url := "https://mta-sts." + domain + s.r.o.sts + stsPath
	content, err := s.r.o.Policies.Fetch(ctx, url, safehttp.Limit{Bytes: maxPolicy, Time: policyTime, Types: []string{"text/plain"}})
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if content.URL != url {
		return nil, errors.New("it is somewhere else, and a redirect is not followed")
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return nil, err
	}
	return parsePolicy(string(text))
}

// parsePolicy reads a policy (RFC 8461 §3.2).
func parsePolicy(text string) (*policy, error) {
	p := &policy{}
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key != "mx" && seen[key] { // of what is there twice the first counts
			continue
		}
		seen[key] = true
		switch key {
		case "version":
			if value != "STSv1" {
				return nil, errors.New("it has an unknown version")
			}
		case "mode":
			p.mode = value
		case "max_age":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return nil, errors.New("its age is no number")
			}
			p.maxAge = time.Duration(min(n, maxPolicyAge)) * time.Second
		case "mx":
			if len(p.mx) == maxPolicyMX {
				return nil, errors.New("it has too many hosts")
			}
			p.mx = append(p.mx, strings.ToLower(strings.TrimSuffix(value, ".")))
		}
	}
	switch {
	case !seen["version"] || !seen["max_age"]:
		return nil, errors.New("it is not complete")
	case p.mode != "enforce" && p.mode != "testing" && p.mode != "none":
		return nil, errors.New("it has an unknown mode")
	case p.mode != "none" && len(p.mx) == 0:
		return nil, errors.New("it names no host")
	}
	return p, nil
}

// verify checks a certificate as a policy that is enforced has it.
func (r *Relay) verify(s tls.ConnectionState, host string) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("it has no certificate")
	}
	rest := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		rest.AddCert(c)
	}
	if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: host, Roots: r.o.RootCAs, Intermediates: rest, CurrentTime: r.o.Now(),
	}); err != nil {
		return fmt.Errorf("check its certificate: %w", err)
	}
	return nil
}
