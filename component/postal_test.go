package component

import (
	"context"
	"strings"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

// scriptedPostal is a scripted transport that stores and forwards. Its contacts are what has an at-sign.
type scriptedPostal struct {
	*scripted
	cards    map[string]transports.Card // by what is written
	returned chan transports.Returned
	// onReturned, where it is not nil, may fail.
	onReturned func(transports.Returned) error
}

func (s *scriptedPostal) Describe() transports.Description {
	return transports.Description{
		Kind: "smtp", Name: "Test mail",
		Prompt: transports.Prompt{Description: "Write an address.", Label: "Whose address?"},
		Hints:  []string{`Write to bob\40example.com@DOMAIN.`},
	}
}

func (s *scriptedPostal) Parse(local string) (transports.Target, error) {
	name, domain, ok := strings.Cut(local, "@")
	if !ok || name == "" || domain == "" {
		return transports.Target{}, transports.NewError(transports.NotFound, "This is no address of email.", nil)
	}
	return transports.Target{Kind: transports.TargetContact, ID: local}, nil
}

func (s *scriptedPostal) Find(_, input string, _ transports.TargetKind) (transports.Target, error) {
	return s.Parse(strings.TrimSpace(input))
}

func (s *scriptedPostal) Format(t transports.Target) string { return t.ID }

func (s *scriptedPostal) Returned(tx *store.Tx, _ transports.Address, e transports.Returned) error {
	if s.onReturned != nil {
		if err := s.onReturned(e); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { s.returned <- e })
	return nil
}

func (s *scriptedPostal) Card(_ context.Context, _ transports.Address, t transports.Target) (transports.Card, error) {
	c, ok := s.cards[t.ID]
	if !ok {
		c = transports.Card{Email: t.ID}
	}
	c.Target = t
	return c, nil
}

func (s *scriptedPostal) SearchCards(_ context.Context, _ transports.Address, query string, limit int) ([]transports.Card, error) {
	var found []transports.Card
	for id, c := range s.cards {
		if strings.Contains(strings.ToLower(c.Name+" "+id), strings.ToLower(query)) && len(found) < limit {
			c.Target = transports.Target{Kind: transports.TargetContact, ID: id}
			found = append(found, c)
		}
	}
	return found, nil
}

// postalWorld is a world whose transport is a Postal one.
type postalWorld struct {
	*world
	postal *scriptedPostal
}

func newPostalWorld(t *testing.T, change func(*Options)) *postalWorld {
	t.Helper()
	w := &postalWorld{postal: &scriptedPostal{cards: map[string]transports.Card{}, returned: make(chan transports.Returned, 4096)}}
	w.world = newWorld(t, func(o *Options) {
		w.postal.scripted = o.Transport.(*scripted)
		o.Transport = w.postal
		if change != nil {
			change(o)
		}
	})
	return w
}

func mailbox(address string) transports.Target {
	return transports.Target{Kind: transports.TargetContact, ID: address}
}
