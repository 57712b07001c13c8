package operator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"passerelle/transports"
)

// Gateway is what runs the commands of a domain.
type Gateway interface {
	Domain() string
	Operations() []transports.Command
	Operate(ctx context.Context, op transports.Operation) (transports.Outcome, error)
	Export(ctx context.Context, user transports.Address, lang string, w io.Writer, progress func(done, all int64)) error
}

// Path is where the handler stands.
const Path = "/commands"

// maxRows is how many rows of a table an answer has.
const maxRows = 500

// NewHandler answers GET with the commands, and POST by running one. Whoever reaches it is trusted.
func NewHandler(gateways []Gateway, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, _ *http.Request) {
		list := []Command{}
		for _, g := range gateways {
			for _, c := range g.Operations() {
				out := Command{Domain: g.Domain(), Name: c.Name, Title: c.Title, Admin: c.Admin}
				for kind, name := range targetKinds {
					if c.IsFor(transports.TargetKind(kind)) {
						out.For = append(out.For, name)
					}
				}
				list = append(list, out)
			}
		}
		writeJSON(w, http.StatusOK, list)
	})
	mux.HandleFunc("POST "+Path, func(w http.ResponseWriter, r *http.Request) {
		var q Request
		d := json.NewDecoder(r.Body) // which the listener bounds
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			writeJSON(w, http.StatusBadRequest, Answer{Error: &Error{Text: "the request is not what this passerelle understands: " + err.Error()}})
			return
		}
		log.Info("the operator runs a command", "command", q.Command)
		writeJSON(w, http.StatusOK, answerOf(operate(r.Context(), gateways, q)))
	})
	mux.HandleFunc("POST "+exportPath, func(w http.ResponseWriter, r *http.Request) { exportUser(w, r, gateways, log) })
	return mux
}

// operate finds the gateway and has it run the command.
func operate(ctx context.Context, gateways []Gateway, q Request) (transports.Outcome, error) {
	g, err := find(gateways, q.Domain)
	if err != nil {
		return transports.Outcome{}, err
	}
	op := transports.Operation{
		Command: q.Command, On: q.On, Values: q.Values, Open: q.Open, After: q.After, Max: min(max(q.Max, 1), maxRows),
	}
	if q.User != "" {
		if op.User, err = readUser(q.User); err != nil {
			return transports.Outcome{}, err
		}
	}
	return g.Operate(ctx, op)
}

// find finds a gateway by its domain, which may be empty where there is one only.
func find(gateways []Gateway, domain string) (Gateway, error) {
	domains := make([]string, len(gateways))
	for i, g := range gateways {
		domains[i] = g.Domain()
	}
	i := slices.Index(domains, strings.ToLower(domain))
	switch {
	case domain == "" && len(gateways) == 1:
		i = 0
	case domain == "":
		return nil, transports.NewError(transports.BadRequest, "There are several gateways, say which one: "+strings.Join(domains, ", ")+".", nil)
	case i < 0:
		return nil, transports.NewError(transports.BadRequest, "There is no gateway "+domain+" but "+strings.Join(domains, ", ")+".", nil)
	}
	return gateways[i], nil
}

// readUser reads the JID of a user.
func readUser(jid string) (transports.Address, error) {
	user, err := transports.ParseAddress(jid)
	if err == nil && user.Local == "" {
		err = errors.New("it is a server")
	}
	if err != nil {
		return transports.Address{}, transports.NewError(transports.BadRequest, jid+" is not the address of a user: "+err.Error()+".", err)
	}
	return user, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone; there is nobody to tell
}
