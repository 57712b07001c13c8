package config

import (
	"fmt"
	"strings"
)

// fixed checks the only network of a gateway, which is then listed and all there is.
func (v validator) fixed(at string, c *IRC) {
	key := child(at, "fixed")
	if !v.ok(key) || !v.has(key) {
		return
	}
	c.Fixed = strings.ToLower(c.Fixed)
	if c.Fixed == "" || len(c.Fixed) > maxNetworkName || strings.ContainsFunc(c.Fixed, notInName) {
		v.add(key, fmt.Sprintf("%q is no name of a network", c.Fixed), "write the host name of its server, such as irc.libera.chat")
		return
	}
	if open := child(at, "open"); c.Open && v.has(open) && v.ok(open) {
		v.add(open, "it has no effect, because fixed names the only network", "remove the line")
	}
	c.Open = false
	for i := range c.Networks {
		if name := child(element(child(at, "network"), i), "name"); v.ok(name) && !strings.EqualFold(c.Networks[i].Name, c.Fixed) {
			v.add(name, fmt.Sprintf("%q cannot be reached, because fixed names the only network", c.Networks[i].Name),
				fmt.Sprintf("write name = %q, or remove the table", c.Fixed))
		}
	}
	if len(c.Networks) == 0 {
		n := Network{Name: c.Fixed}
		n.setDefaults()
		c.Networks = []Network{n}
	}
}
