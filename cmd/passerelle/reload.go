package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"passerelle/component"
	"passerelle/config"
	"passerelle/internal/files"
	"passerelle/internal/logging"
	"passerelle/ircbridge"
	"passerelle/mailbridge"
)

// process is what runs, as far as a configuration that is read again changes it.
type process struct {
	load       func() (*config.Config, error)
	log        *slog.Logger
	systemd    *notifier
	level      *slog.LevelVar
	identities *logging.Identities
	keeper     *files.Keeper // nil where no files are kept
	tidy       tidying
	irc        []ircGateway
	mail       []mailGateway
	social     []socialGateway

	changing sync.Mutex                    // one at a time
	current  atomic.Pointer[config.Config] // what it runs with
}

// config is what the process runs with at the moment.
func (p *process) config() *config.Config { return p.current.Load() }

// gateways are all of them.
func (p *process) gateways() []*component.Gateway {
	var all []*component.Gateway
	for _, g := range p.irc {
		all = append(all, g.Gateway)
	}
	for _, g := range p.mail {
		all = append(all, g.Gateway)
	}
	for _, g := range p.social {
		all = append(all, g.Gateway)
	}
	return all
}

// reload reads the configuration again and changes what can be changed. Where it has faults nothing is changed; they are the error, and
// in the log. Safe to call from any goroutine.
func (p *process) reload() (component.Reconfigured, error) {
	p.changing.Lock()
	defer p.changing.Unlock()
	var done component.Reconfigured
	noted := p.config().Notes()
	next, err := p.load()
	if err == nil {
		done, err = p.change(next)
	}
	if err != nil {
		p.log.Error("the configuration cannot be used, so nothing has changed")
		if faults, ok := errors.AsType[config.Faults](err); ok {
			for _, f := range faults {
				p.log.Error("a fault of the configuration", "fault", f.String())
			}
		} else {
			p.log.Error("a fault of the configuration", "fault", err)
		}
		return component.Reconfigured{}, err
	}
	p.log.Info("the configuration was read again", "changed", done.Changed, "needs_restart", done.Restart)
	for _, note := range next.Notes() {
		if !slices.Contains(noted, note) {
			p.log.Warn(note)
		}
	}
	return done, nil
}

func (p *process) change(next *config.Config) (done component.Reconfigured, err error) {
	running, changes := p.config().Reload(next)
	level, err := logging.ParseLevel(running.Log.Level)
	if err != nil {
		return done, err
	}
	options := make([]ircbridge.Options, len(p.irc))
	for i, g := range p.irc { // the tables are in the order in which they were at the start
		options[i] = ircOptions(&running.IRC[i], g.identity)
		if err := options[i].Check(); err != nil {
			return done, fmt.Errorf("irc gateway %s: %w", g.Domain(), err)
		}
	}
	rules := make([]mailbridge.Rules, len(p.mail))
	for i, g := range p.mail {
		rules[i] = mailRules(running, &running.Mail[i], g.Admits)
		if err := rules[i].Check(); err != nil {
			return done, fmt.Errorf("mail gateway %s: %w", g.Domain(), err)
		}
	}
	// From here on nothing fails.
	p.level.Set(level)
	p.identities.Show(running.Log.Identities)
	if p.keeper != nil {
		p.keeper.Reload(fileLimits(running))
	}
	for i, g := range p.irc {
		g.transport.Reload(options[i])
		g.Reload(rulesOf(running, &running.IRC[i]))
	}
	for i, g := range p.mail {
		g.transport.Reload(rules[i])
		g.receiver.Reload(receiveRules(&running.Mail[i]))
		g.Reload(postalRules(running, &running.Mail[i].Component))
	}
	for i, g := range p.social {
		g.transport.Reload(socialRules(&running.Social[i], g.Admits))
		g.Reload(postalRules(running, &running.Social[i].Component))
	}
	if last := p.current.Swap(running); last.Archive != running.Archive {
		p.tidy.ask()
	}
	for _, c := range changes {
		if c.Restart {
			done.Restart = append(done.Restart, c.Key)
		} else {
			done.Changed = append(done.Changed, c.Key)
		}
	}
	return done, nil
}

// reloadOn reads the configuration again for each signal, until ctx ends.
func (p *process) reloadOn(ctx context.Context, signals <-chan os.Signal) error {
	for {
		select {
		case <-signals:
			_, _ = p.reload() // the log says what became of it
		case <-ctx.Done():
			return nil
		}
	}
}
