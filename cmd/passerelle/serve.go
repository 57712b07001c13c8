package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"passerelle/component"
	"passerelle/config"
	"passerelle/internal/files"
	"passerelle/internal/identd"
	"passerelle/internal/jobs"
	"passerelle/internal/logging"
	"passerelle/internal/onetime"
	"passerelle/internal/operator"
	"passerelle/internal/safehttp"
	"passerelle/internal/web"
	"passerelle/store"
	"passerelle/transports"
)

func serveCommand() command {
	return command{
		name:  "serve",
		usage: "[-config FILE]",
		short: "run the gateways",
		long: `
Reads the configuration file (default /etc/passerelle/passerelle.toml), joins the
XMPP server and runs until it gets SIGTERM or SIGINT. What happens is logged on
standard error. At SIGHUP it reads the file again, and the log says what changes
and what takes a restart; where the file has faults, nothing changes.`,
		run: runServe,
	}
}

func runServe(ctx context.Context, env *environment, args []string) int {
	var path string
	if code, done := parseFlags(env, serveCommand(), args, configFlag(&path)); done {
		return code
	}
	cfg, code, done := loadConfig(env, path)
	if done {
		return code
	}
	lowest, err := logging.ParseLevel(cfg.Log.Level)
	if err != nil {
		printf(env.stderr, "%v\n", err)
		return exitConfig
	}
	level := new(slog.LevelVar)
	level.Set(lowest)
	log := logging.New(env.stderr, logging.Options{
		Level: level, JSON: cfg.Log.Format == "json", Journal: env.getenv("JOURNAL_STREAM") != "",
	})
	for _, note := range cfg.Notes() {
		log.Warn(note)
	}
	p := &process{log: log, level: level, load: func() (*config.Config, error) {
		return config.Load(path, env.getenv("CREDENTIALS_DIRECTORY"))
	}}
	p.current.Store(cfg)
	p.systemd = newNotifier(env.getenv, log)
	if err := p.serve(ctx, env.hangup); err != nil {
		log.Error("stopped", "error", err)
		return exitFailed
	}
	return exitOK
}

// serve wires everything: the only place that knows all packages. Hangup says that the configuration is to be read again.
func (p *process) serve(ctx context.Context, hangup <-chan os.Signal) (err error) {
	cfg, log := p.config(), p.log
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	db, key, unlock, err := openStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), unlock()) }()
	if err := importsEnded(ctx, cfg, db); err != nil {
		return err
	}

	if p.identities, err = newIdentities(cfg); err != nil {
		return err
	}
	if p.keeper, err = newFiles(ctx, cfg, db, log); err != nil {
		return err
	}
	checks := []web.Check{{Name: "database", Run: db.Ready}}
	w := &wiring{
		process: p, db: db, key: key, registry: registry, metrics: component.NewMetrics(registry), idents: identd.NewTable(),
		http: safehttp.Options{UserAgent: "passerelle/" + versionString()},
	}
	p.tidy = make(tidying, 1)
	var pages []web.Page // of the public listener
	if p.keeper != nil {
		pages = append(pages, web.Page{Pattern: files.Pattern, Handler: p.keeper})
	}
	for i := range cfg.IRC {
		if err := p.addIRC(cfg, &cfg.IRC[i], w); err != nil {
			return fmt.Errorf("irc gateway %s: %w", cfg.IRC[i].Domain, err)
		}
	}
	for i := range cfg.Mail {
		if err := p.addMail(cfg, &cfg.Mail[i], w); err != nil {
			return fmt.Errorf("mail gateway %s: %w", cfg.Mail[i].Domain, err)
		}
	}
	for i := range cfg.Social {
		more, err := p.addSocial(cfg, &cfg.Social[i], w)
		if err != nil {
			return fmt.Errorf("social gateway %s: %w", cfg.Social[i].Domain, err)
		}
		pages = append(pages, more...)
	}
	for _, g := range p.gateways() {
		checks = append(checks, web.Check{Name: g.Domain(), Run: func(context.Context) error {
			if !g.Connected() {
				return errors.New("not connected to the XMPP server")
			}
			return nil
		}})
	}

	// A part that fails ends the others.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	start := func(run func(context.Context) error) {
		running.Go(func() {
			if err := run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	if cfg.Admin.Socket != "" {
		control, err := web.ListenControl(ctx, web.ControlOptions{Socket: cfg.Admin.Socket, Pages: p.operatorPages(), Log: log})
		if err != nil {
			return fmt.Errorf("[admin] socket = %q: %w", cfg.Admin.Socket, err)
		}
		start(control.Serve)
	}
	if cfg.Admin.Listen != "" {
		admin, err := web.ListenAdmin(ctx, web.AdminOptions{
			Listen: cfg.Admin.Listen, Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), Checks: checks, Log: log,
		})
		if err != nil {
			return fmt.Errorf("[admin] listen = %q: %w", cfg.Admin.Listen, err)
		}
		log.Info("listening for the operator", "address", admin.Addr())
		start(admin.Serve)
	}
	if cfg.Web.URL != nil {
		pages = append(pages, p.linkPages(db)...)
		public, err := web.ListenPublic(ctx, web.PublicOptions{
			Listen: cfg.Web.Listen, URL: cfg.Web.URL, CertFile: cfg.Web.CertFile, KeyFile: cfg.Web.KeyFile, Pages: pages, Log: log,
		})
		if err != nil {
			return fmt.Errorf("[web] listen = %q: %w", cfg.Web.Listen, err)
		}
		log.Info("listening for everybody", "address", public.Addr(), "url", cfg.Web.PublicURL)
		start(public.Serve)
	}
	if cfg.Identd.Listen != "" {
		ident, err := identd.Listen(ctx, identd.Options{Listen: cfg.Identd.Listen, Table: w.idents, Log: log})
		if err != nil {
			return fmt.Errorf("[identd] listen = %q: %w", cfg.Identd.Listen, err)
		}
		log.Info("listening for ident", "address", ident.Addr())
		start(ident.Serve)
	}
	if p.keeper != nil {
		start(p.keeper.Run)
	}
	start(func(ctx context.Context) error { return settle(ctx, db, log) })
	start(func(ctx context.Context) error { tidyArchive(ctx, p.tidy, db, p.gateways(), p.config, log); return nil })
	start(func(ctx context.Context) error { return p.reloadOn(ctx, hangup) })
	if err := p.startMail(ctx, cfg, start); err != nil {
		return err
	}
	for i := range p.social {
		start(p.social[i].transport.Tidy)
	}
	start(func(ctx context.Context) error { p.doJobs(ctx, db); return nil })
	for _, g := range p.gateways() {
		start(g.Run)
	}
	start(p.systemd.live)
	p.systemd.tell("READY=1") // that there is a stream is not waited for: the XMPP server may come later
	stopping := context.AfterFunc(ctx, func() { p.systemd.tell("STOPPING=1") })
	running.Wait()
	stopping()
	err = context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil // as asked
	}
	return errors.Join(err, p.shutdownIRC())
}

// doJobs does what waits to be brought to other networks, until ctx ends.
func (p *process) doJobs(ctx context.Context, db *store.DB) {
	kinds := p.mailKinds()
	maps.Copy(kinds, p.socialKinds())
	d := &jobs.Dispatcher{Store: db, Kinds: kinds, Log: p.log}
	d.Run(ctx)
	for i := range p.mail {
		if r := p.mail[i].relay; r != nil {
			r.Close()
		}
	}
	for i := range p.social {
		p.social[i].http.Close()
	}
}

// wiring is what gateways are made of in common.
type wiring struct {
	process  *process
	db       *store.DB
	key      []byte // of the database
	registry *prometheus.Registry
	metrics  *component.Metrics
	idents   *identd.Table
	http     safehttp.Options // towards servers of strangers
}

// options are those of a gateway on the side of XMPP.
func (w *wiring) options(cfg *config.Config, c *config.Component, t transports.Transport, rules component.Rules) component.Options {
	p := w.process
	return component.Options{
		Domain: c.Domain, Secret: c.Secret.Reveal(), Server: c.Server, Version: versionString(), Transport: t, Store: w.db,
		Archive: cfg.Archive.Enabled, Tidy: p.tidy.ask, Rules: rules, LinkURL: linkURL(cfg), Scratch: filepath.Dir(cfg.Store.Path), Reconfigure: p.reload,
		Log: p.log, Metrics: w.metrics, Identity: p.identities.User, OccupantKey: derivedKey(w.key, forOccupants, c.Domain),
		Upload: component.UploadOptions{Files: p.keeper, HTTP: w.http},
	}
}

// operatorPages are what the operator's command line talks to.
func (p *process) operatorPages() http.Handler {
	var all []operator.Gateway
	for _, g := range p.gateways() {
		all = append(all, g)
	}
	return operator.NewHandler(all, p.log)
}

// linkURL is where the pages of one-time links are reached; empty without a public listener.
func linkURL(cfg *config.Config) string {
	if cfg.Web.URL == nil {
		return ""
	}
	return cfg.Web.URL.JoinPath(onetime.Path).String()
}

// linkPages are those behind links that the gateways give.
func (p *process) linkPages(db *store.DB) []web.Page {
	var all []onetime.Gateway
	for _, g := range p.gateways() {
		all = append(all, g)
	}
	var redirects []onetime.Redirects
	for _, m := range p.mail {
		redirects = append(redirects, m.transport)
	}
	var pages []web.Page
	for path, h := range map[string]http.Handler{onetime.Path: onetime.NewHandler(db, p.log, all...), onetime.LeavePath: onetime.NewLeaveHandler(p.log, redirects...)} {
		path += "{token}"
		pages = append(pages, web.Page{Pattern: "GET " + path, Handler: h}, web.Page{Pattern: "POST " + path, Handler: h})
	}
	return pages
}

// shutdownIRC waits until all sessions have left their networks.
func (p *process) shutdownIRC() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	for _, g := range p.irc {
		errs = append(errs, g.transport.Shutdown(ctx, "gateway stopped"))
	}
	return errors.Join(errs...)
}

// openStore opens the database, and gives its key and the end of its lock; at the first start it makes the key.
func openStore(ctx context.Context, cfg *config.Config, log *slog.Logger) (db *store.DB, key []byte, unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(cfg.Store.Path), 0o700); err != nil {
		return nil, nil, nil, fmt.Errorf("make the directory of the database: %w", err)
	}
	if unlock, err = lock(cfg.Store.Path); err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unlock())
		}
	}()
	key, err = store.LoadKey(cfg.Store.KeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		// A new key would not open what the lost one has sealed, and would stand where the copy of that belongs.
		if info, err := os.Stat(cfg.Store.Path); err == nil && info.Size() > 0 && cfg.Store.URL.IsZero() {
			return nil, nil, unlock, fmt.Errorf("the key %s is missing, and the database %s was sealed with it: put your copy of the key there; "+
				"if there is none, move the database away, and users begin anew", cfg.Store.KeyFile, cfg.Store.Path)
		}
		log.Info("making the key that seals credentials; keep a copy of it, but not beside the database", "file", cfg.Store.KeyFile)
		key, err = store.CreateKey(cfg.Store.KeyFile)
	}
	if err != nil {
		return nil, nil, unlock, err
	}
	opt := store.Options{Path: cfg.Store.Path, Answered: cfg.Store.Path + ".answered", Key: key, Log: log}
	if !cfg.Store.URL.IsZero() {
		opt.Path, opt.URL = "", cfg.Store.URL.Reveal()
	}
	db, err = store.Open(ctx, opt)
	return db, key, unlock, err
}

// newFiles makes what keeps files of users, nil where there is no listener to serve them.
func newFiles(ctx context.Context, cfg *config.Config, db *store.DB, log *slog.Logger) (*files.Keeper, error) {
	if cfg.Web.URL == nil {
		return nil, nil
	}
	return files.New(ctx, files.Options{
		Dir: cfg.Files.Path, URL: cfg.Web.PublicURL, Limits: fileLimits(cfg), Store: db, Log: log,
	})
}

// newIdentities makes what stands for users in the log.
func newIdentities(cfg *config.Config) (*logging.Identities, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make a key for the log: %w", err)
	}
	return logging.NewIdentities(key, cfg.Log.Identities), nil
}
