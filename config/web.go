package config

import (
	"fmt"
	"net/url"
	"strings"
)

// web checks the public listener, and brings its URL into the form that paths are appended to.
func (v validator) web(c *Web) {
	if c.Listen == "" {
		if v.ok("web.listen") && v.ok("web") && (c.PublicURL != "" || c.CertFile != "" || c.KeyFile != "") {
			v.add("web.listen", "the table has settings of a listener, and no listener", "write listen = \"127.0.0.1:5381\", or remove the table")
		}
		return
	}
	if v.ok("web.listen") {
		v.listen("web.listen", c.Listen, "127.0.0.1:5381", "unix:/run/passerelle/web.sock")
	}
	for _, pair := range [][4]string{
		{c.CertFile, c.KeyFile, "web.cert_file", "key_file"},
		{c.KeyFile, c.CertFile, "web.key_file", "cert_file"},
	} {
		if pair[0] != "" && pair[1] == "" && v.ok(pair[2]) && v.ok("web."+pair[3]) {
			v.add(pair[2], "it has no effect without "+pair[3], "name the other file too, or remove the line for a listener behind a proxy")
		}
	}
	if key := "web.public_url"; v.ok(key) {
		u, err := parsePublicURL(c.PublicURL)
		switch {
		case err != nil:
			v.add(key, fmt.Sprintf("%q cannot be used: %s", c.PublicURL, err), "write what people are to see in links, such as https://gateway.example.org")
		case c.CertFile != "" && u.Scheme != "https":
			v.add(key, "it is without TLS, and the listener has a certificate", "write https://…, or remove cert_file and key_file")
		default:
			c.URL, c.PublicURL = u, u.String()
		}
	}
}

// parsePublicURL checks the URL of the public listener, whose path ends without a slash in the result.
func parsePublicURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, fmt.Errorf("it is empty")
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("it is no URL")
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return nil, fmt.Errorf("it must begin with https:// and a host")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("there must be nothing in it but a host, a port and a path")
	}
	if u.RawPath != "" || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "/.") || strings.ContainsAny(u.Path, "{} ") {
		return nil, fmt.Errorf("its path must be plain")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}
