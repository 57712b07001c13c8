package config

import "fmt"

// maxMiB and maxDays keep sums of settings from overflowing.
const (
	maxMiB  = 1 << 30
	maxDays = 36500
)

// files checks where the files of users go.
func (v validator) files(c *Files) {
	for i, domain := range c.OwnDomains {
		key := element("files.own_domains", i)
		if !v.ok(key) || !v.ok("files.own_domains") {
			continue
		}
		folded, err := foldDomain(domain)
		if err != nil {
			v.add(key, fmt.Sprintf("%q is not a domain: %s", domain, err), "write what stands behind the at-sign in the addresses of your users")
			continue
		}
		c.OwnDomains[i] = folded
	}
	for _, n := range []struct {
		key   string
		value int
		most  int
	}{
		{"days", c.Days, maxDays},
		{"max_size", c.MaxSize, maxMiB},
		{"user_quota", c.UserQuota, maxMiB},
		{"quota", c.Quota, maxMiB},
	} {
		if key := child("files", n.key); v.ok(key) && (n.value < 1 || n.value > n.most) {
			v.add(key, fmt.Sprintf("it must be a number from 1 to %d", n.most), "remove the line for the default")
		}
	}
}
