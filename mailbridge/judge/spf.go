package judge

import (
	"context"
	"strings"

	"blitiri.com.ar/go/spf"
)

// spf says whether the server may send for the domain of the envelope's sender, or where there is none, for what it calls itself (RFC 7208 §2.4).
func (j *Judge) spf(ctx context.Context, m Mail) Verdict {
	domain, local := fold(m.Hello), "postmaster"
	if !m.Sender.IsZero() {
		// The library splits at the first at-sign.
		domain, local = m.Sender.ASCIIDomain(), strings.ReplaceAll(m.Sender.Local, "@", "_")
	}
	if domain == "" {
		return Verdict{SPF: None} // RFC 7208 §4.3
	}
	hello := fold(m.Hello)
	if hello == "" {
		hello = "unknown"
	}
	result, err := spf.CheckHostWithSender(m.Addr.Unmap().AsSlice(), hello, local+"@"+domain, spf.WithContext(ctx), spf.WithResolver(j.options.Resolver))
	v := Verdict{SPF: Result(result), SPFDomain: domain}
	switch {
	case ctx.Err() != nil && v.SPF != Pass:
		v.SPF = TempError
	case v.SPF == "":
		j.options.Log.Debug("SPF has no result", "error", err)
		v.SPF = PermError
	}
	return v
}
