package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	"passerelle/config"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/publish"
	"passerelle/mailbridge/sign"
	"passerelle/store"
)

func mailCommand() command {
	return command{
		name:  "mail",
		usage: "dns",
		short: "what a mail gateway has to have in the DNS",
		long: `
"dns" prints the records that the domains of a mail gateway need (MX, SPF, DKIM,
DMARC, and where passerelle is the MX, MTA-STS and TLS-RPT), and looks for each
whether it is there and right:

  right     as it should be
  missing   publish what is printed under it
  wrong     something else is there, which is printed too
  optional  not there; mail works without it
  unknown   the DNS server does not answer

It ends with 1 if something is missing, wrong or unknown. It changes nothing. The
keys are made when passerelle is first started with the table [[mail]]. Flags:

  -config FILE     the configuration (default /etc/passerelle/passerelle.toml)
  -domain DOMAIN   the domain of email addresses, where only one is wanted
  -zone            print the records as for a zone file, and look for nothing`,
		run: runMail,
	}
}

// dnsTime is how long all questions about one domain may take.
const dnsTime = 30 * time.Second

func runMail(ctx context.Context, env *environment, args []string) int {
	var path, domain string
	var zone bool
	rest, code, done := parseArgs(env, mailCommand(), args, func(set *flag.FlagSet) {
		configFlag(&path)(set)
		set.StringVar(&domain, "domain", "", "")
		set.BoolVar(&zone, "zone", false, "")
	})
	if done {
		return code
	}
	if len(rest) != 1 || rest[0] != "dns" {
		return usageError(env, mailCommand(), errors.New("dns is all that it does"))
	}
	c, code, done := loadUnserved(env, path)
	if done {
		return code
	}
	found, code := false, exitOK
	for i := range c.Mail {
		m := &c.Mail[i]
		signer, err := publishedKeys(c, m)
		if errors.Is(err, fs.ErrNotExist) {
			printf(env.stderr, "passerelle: there are no keys to sign mail with yet (%s): start passerelle once, and ask again for the records of DKIM\n", dkimFile(c, m))
			code = exitFailed
		} else if err != nil {
			printf(env.stderr, "passerelle: %v\n", err)
			return exitFailed
		}
		for _, d := range m.Domains {
			if domain != "" && domain != d.Name {
				continue
			}
			found = true
			o, err := published(m, d.Name, signer)
			if err != nil {
				printf(env.stderr, "passerelle: %v\n", err)
				return exitFailed
			}
			if zone {
				err = publish.PrintZone(env.stdout, o.Records())
			} else {
				var bad bool
				if bad, err = checkDNS(ctx, env, m, o); bad {
					code = exitFailed
				}
			}
			if err != nil {
				printf(env.stderr, "passerelle: %v\n", err)
				return exitFailed
			}
		}
	}
	if !found {
		return usageError(env, mailCommand(), errors.New("there is no such domain of a mail gateway in the configuration"))
	}
	return code
}

// publishedKeys reads the keys that mail is signed with; nil where no mail is sent. It makes none: the owner of the file is who serves.
func publishedKeys(c *config.Config, m *config.Mail) (*sign.Signer, error) {
	if m.Smart == "" && !m.Direct {
		return nil, nil
	}
	if _, err := os.Stat(dkimFile(c, m)); err != nil {
		return nil, fmt.Errorf("read the keys for signing mail: %w", err)
	}
	key, err := store.LoadKey(c.Store.KeyFile)
	if err != nil {
		return nil, err
	}
	keys, _, err := readDKIM(c, m, key)
	if err != nil {
		return nil, err
	}
	return sign.New(keys, m.Selector), nil
}

// published are the options for the records of a domain.
func published(m *config.Mail, domain string, signer *sign.Signer) (publish.Options, error) {
	mailbox, err := address.New("postmaster", domain)
	if err != nil {
		return publish.Options{}, err
	}
	o := publish.Options{Domain: mailbox.ASCIIDomain(), Hostname: m.Hostname, MX: m.Listen != "", TLS: m.CertFile != "", Direct: m.Direct}
	if m.Smart != "" {
		if o.Smarthost, _, err = net.SplitHostPort(m.Smart); err != nil {
			return publish.Options{}, err
		}
	}
	if signer != nil {
		o.Keys, err = signer.Records(o.Domain)
	}
	return o, err
}

// checkDNS says what of a domain is there.
func checkDNS(ctx context.Context, env *environment, m *config.Mail, o publish.Options) (bad bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, dnsTime)
	defer cancel()
	names := net.DefaultResolver
	if r := resolver(m.Resolver); r != nil {
		names = r
	}
	web := &http.Transport{DialContext: (&net.Dialer{Resolver: names}).DialContext}
	defer web.CloseIdleConnections()
	findings := publish.Checker{Resolver: names, Get: publish.Over(&http.Client{Transport: web})}.Check(ctx, o)
	for _, f := range findings {
		bad = bad || f.Bad()
	}
	return bad, publish.PrintFindings(env.stdout, o.Domain, findings)
}
