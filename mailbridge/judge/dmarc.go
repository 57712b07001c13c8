package judge

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/emersion/go-msgauth/dmarc"

	"passerelle/mailbridge/address"
)

// policy is what a domain has published about mail that is from it.
type policy struct {
	result                Result // Pass where there is a record
	wants                 string // none, quarantine, reject
	strictSPF, strictDKIM bool
}

// policy finds the record of a domain, or of the organisation that it belongs to (RFC 7489 §6.6.3).
func (j *Judge) policy(ctx context.Context, domain string) policy {
	if domain == "" {
		return policy{result: None}
	}
	record, result := j.record(ctx, domain)
	if org := address.Organisation(domain); result == None && org != domain {
		if record, result = j.record(ctx, org); record != nil && record.SubdomainPolicy != "" {
			record.Policy = record.SubdomainPolicy
		}
	}
	if record == nil {
		return policy{result: result}
	}
	return policy{
		result: Pass, wants: string(record.Policy),
		strictSPF: record.SPFAlignment == dmarc.AlignmentStrict, strictDKIM: record.DKIMAlignment == dmarc.AlignmentStrict,
	}
}

// record asks for the record of one name; result is Pass, None, or why there is none.
func (j *Judge) record(ctx context.Context, domain string) (*dmarc.Record, Result) {
	texts, err := j.options.Resolver.LookupTXT(ctx, "_dmarc."+domain)
	if err != nil {
		if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
			return nil, None
		}
		return nil, TempError
	}
	var ours []string
	for _, text := range texts {
		// RFC 7489 §6.3: v comes first and is exact. Others may have records at this name.
		tag, _, _ := strings.Cut(text, ";")
		name, version, _ := strings.Cut(tag, "=")
		if strings.TrimSpace(name) == "v" && strings.TrimSpace(version) == "DMARC1" {
			ours = append(ours, text)
		}
	}
	if len(ours) != 1 {
		return nil, None // several are none
	}
	record, err := dmarc.Parse(ours[0])
	if err != nil {
		return nil, PermError
	}
	return record, Pass
}

// aligns reports whether what passed for one domain speaks for another (RFC 7489 §3.1).
func (policy) aligns(passed, from string, strict bool) bool {
	if passed == "" || from == "" {
		return false
	}
	if strict {
		return passed == from
	}
	return passed == from || address.Organisation(passed) == address.Organisation(from)
}
