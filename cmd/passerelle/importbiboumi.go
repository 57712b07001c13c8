package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"passerelle/component"
	"passerelle/config"
	"passerelle/internal/biboumi"
	"passerelle/internal/logging"
	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

func importBiboumiCommand() command {
	return command{
		name:  "import-biboumi",
		usage: "config|data [FILE]",
		short: "take over from biboumi",
		long: `
"config" reads biboumi's configuration FILE (default /etc/biboumi/biboumi.cfg) and
prints one for passerelle, with comments on what differs:

  passerelle import-biboumi config -o /etc/passerelle/passerelle.toml

"data" reads biboumi's database and writes what passerelle keeps into its own: the
settings of users on networks with passwords sealed, what is to be archived,
contacts, and the archives, each to be read by the user it belongs to. FILE is
biboumi's configuration, which says where the database is, or the file of an
SQLite database. Neither gateway may run meanwhile:

  passerelle import-biboumi data -dry-run
  passerelle import-biboumi data

Nothing of biboumi's is changed. What users have set in passerelle already stays.
An import that was interrupted goes on when it is run again, and passerelle does
not start before that. Run again later it brings only new messages. Flags:

  -o FILE          write the configuration there, and the secret into irc.secret
                   beside it; both must not be there yet
  -config FILE     the configuration of passerelle (default
                   /etc/passerelle/passerelle.toml)
  -domain DOMAIN   the gateway, where FILE does not say it and there are several
  -dry-run         write nothing, only count
  -skip-old        leave out messages that are older than the archive keeps
  -give-up         end an import that was interrupted and cannot go on, with what
                   it has brought`,
		run: runImportBiboumi,
	}
}

// biboumiConfig is where biboumi's configuration is with Debian's package.
const biboumiConfig = "/etc/biboumi/biboumi.cfg"

// biboumiImport is a command line of import-biboumi.
type biboumiImport struct {
	env                     *environment
	file, out               string
	config, domain          string
	dryRun, skipOld, giveUp bool
}

func runImportBiboumi(ctx context.Context, env *environment, args []string) int {
	c := importBiboumiCommand()
	i := &biboumiImport{env: env, file: biboumiConfig}
	rest, code, done := parseArgs(env, c, args, func(set *flag.FlagSet) {
		configFlag(&i.config)(set)
		set.StringVar(&i.out, "o", "", "")
		set.StringVar(&i.domain, "domain", "", "")
		set.BoolVar(&i.dryRun, "dry-run", false, "")
		set.BoolVar(&i.skipOld, "skip-old", false, "")
		set.BoolVar(&i.giveUp, "give-up", false, "")
	})
	if done {
		return code
	}
	if len(rest) == 2 {
		i.file = rest[1]
	}
	var err error
	switch {
	case len(rest) == 0:
		return usageError(env, c, errors.New("config or data is missing"))
	case len(rest) > 2:
		return usageError(env, c, errors.New("too many arguments: "+strings.Join(rest[2:], " ")))
	case rest[0] == "config":
		err = i.convert()
	case rest[0] == "data":
		cfg, code, done := loadUnserved(env, i.config)
		if done {
			return code
		}
		if i.giveUp {
			err = i.end(ctx, cfg)
		} else {
			err = i.data(ctx, cfg)
		}
	default:
		return usageError(env, c, fmt.Errorf("there is no %q", rest[0]))
	}
	if err != nil {
		printf(env.stderr, "passerelle import-biboumi: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// convert makes a configuration of biboumi's.
func (i *biboumiImport) convert() error {
	from, err := biboumi.ReadConfig(i.file, i.env.getenv)
	if err != nil {
		return err
	}
	if i.out == "" {
		if _, err := i.env.stdout.Write(from.TOML()); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
		printf(i.env.stderr, "The secret is not in it: put what biboumi's password is into /etc/passerelle/%s, with mode 0600.\n", biboumi.SecretFile)
		return nil
	}
	secret := filepath.Join(filepath.Dir(i.out), biboumi.SecretFile)
	if err := writeNew(secret, []byte(from.Password()+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the secret: %w", err)
	}
	if err := writeNew(i.out, from.TOML(), 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", errors.Join(err, os.Remove(secret)))
	}
	printf(i.env.stdout, "Wrote %s and %s.\nRead the comments, then run\n  passerelle check-config -config %[1]s\n  passerelle import-biboumi data -config %[1]s -dry-run %[3]s\n", i.out, secret, i.file)
	return nil
}

// writeNew writes a file that is not there yet.
func writeNew(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// source finds biboumi's database, and its configuration where the file is that.
func (i *biboumiImport) source() (database string, from *biboumi.Config, err error) {
	f, err := os.Open(i.file)
	if err != nil {
		return "", nil, err
	}
	head := make([]byte, 16)
	n, err := io.ReadFull(f, head)
	if err := errors.Join(f.Close(), ignoreShort(err)); err != nil {
		return "", nil, err
	}
	if bytes.HasPrefix(head[:n], []byte("SQLite format 3")) {
		return i.file, nil, nil
	}
	if from, err = biboumi.ReadConfig(i.file, i.env.getenv); err != nil {
		return "", nil, err
	}
	return from.Database(i.env.getenv), from, nil
}

// sameAddresses fails where rooms and people are called otherwise in biboumi than they will be here.
func sameAddresses(from *biboumi.Config, to *config.IRC) error {
	switch fixed := from.Fixed(); {
	case fixed == to.Fixed:
		return nil
	case fixed == "":
		return fmt.Errorf("biboumi is for any network, and its addresses name them: remove fixed = %q of [[irc]] %s", to.Fixed, to.Domain)
	default:
		return fmt.Errorf("biboumi has fixed_irc_server=%s, and its addresses do not name that: write fixed = %q in [[irc]] %s", fixed, fixed, to.Domain)
	}
}

// ignoreShort is err unless it says that a file is short.
func ignoreShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// gateway finds the gateway of ours that users are brought to.
func gateway(cfg *config.Config, domain string) (*config.IRC, error) {
	if domain == "" && len(cfg.IRC) == 1 {
		return &cfg.IRC[0], nil
	}
	var domains []string
	for i := range cfg.IRC {
		if strings.EqualFold(cfg.IRC[i].Domain, domain) {
			return &cfg.IRC[i], nil
		}
		domains = append(domains, cfg.IRC[i].Domain)
	}
	if domain == "" {
		return nil, fmt.Errorf("which gateway? Give -domain with one of: %s", strings.Join(domains, ", "))
	}
	return nil, fmt.Errorf("the configuration has no gateway to IRC of the domain %s, but: %s", domain, strings.Join(domains, ", "))
}

// data takes biboumi's database over.
func (i *biboumiImport) data(ctx context.Context, cfg *config.Config) (err error) {
	name, source, err := i.source()
	if err != nil {
		return err
	}
	domain := i.domain
	if source != nil {
		domain = cmp.Or(domain, source.Hostname())
	}
	to, err := gateway(cfg, domain)
	if err != nil {
		return err
	}
	if source != nil {
		if err := sameAddresses(source, to); err != nil {
			return err
		}
	}
	from, err := biboumi.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	log := logging.New(i.env.stderr, logging.Options{Level: slog.LevelInfo})
	rules, err := ircbridge.New(ircOptions(to, ircbridge.Identity{}))
	if err != nil {
		return err
	}
	o := biboumi.Options{
		From: from, Domain: to.Domain, Naming: ircbridge.Naming{Fixed: to.Fixed}, Lines: cfg.Archive.Enabled, SkipOld: i.skipOld, Progress: i.env.progress(),
		StayByDefault: stayPolicy(to.AlwaysOn) == component.StayDefault,
		Check: func(on transports.Target, set map[string]string) transports.Faults {
			return rules.CheckSettings("", on, set)
		},
	}
	if cfg.Archive.Days > 0 {
		o.OldestLine = time.Now().AddDate(0, 0, -cfg.Archive.Days)
	}
	if !i.dryRun {
		db, _, unlock, err := openStore(ctx, cfg, log)
		if err != nil {
			return err
		}
		o.Store = db
		defer func() { err = errors.Join(err, db.Close(), unlock()) }()
	}
	began := time.Now()
	s, err := biboumi.Import(ctx, o)
	if old, ok := errors.AsType[*biboumi.TooOldError](err); ok {
		return fmt.Errorf("%w, and passerelle would delete at once what is older than %d days ([archive] days). "+
			"Set days = 0 to keep everything, or give -skip-old to leave it out", old, cfg.Archive.Days)
	}
	if errors.Is(err, context.Canceled) && s != nil {
		return fmt.Errorf("interrupted after %s messages: run it again and it goes on from there", thousands(s.Lines))
	}
	if err != nil {
		return err
	}
	i.report(s, to.Domain, cfg, time.Since(began))
	if !i.dryRun {
		i.warn(name)
	}
	return nil
}

// end gives an import up.
func (i *biboumiImport) end(ctx context.Context, cfg *config.Config) (err error) {
	to, err := gateway(cfg, i.domain)
	if err != nil {
		return err
	}
	db, _, unlock, err := openStore(ctx, cfg, logging.New(i.env.stderr, logging.Options{Level: slog.LevelInfo}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), unlock()) }()
	if err := biboumi.GiveUp(ctx, db, to.Domain); err != nil {
		return err
	}
	printf(i.env.stdout, "The import into %s is over. Run again it would go on from where it was, and what it brings then would stand behind what is said until then.\n", to.Domain)
	return nil
}

// importsEnded refuses to run a gateway whose rooms have only a part of their past: what is said now would come in between.
func importsEnded(ctx context.Context, cfg *config.Config, db *store.DB) error {
	for i := range cfg.IRC {
		unfinished, err := biboumi.Unfinished(ctx, db, cfg.IRC[i].Domain)
		if err != nil {
			return err
		}
		if unfinished {
			return fmt.Errorf("the import from biboumi into %s was interrupted: run passerelle import-biboumi data again, it goes on from there, "+
				"or with -give-up to leave it at that", cfg.IRC[i].Domain)
		}
	}
	return nil
}

// report says what was done.
func (i *biboumiImport) report(s *biboumi.Summary, domain string, cfg *config.Config, took time.Duration) {
	out := i.env.stdout
	switch {
	case i.dryRun:
		printf(out, "Nothing was written. An import into %s would bring:\n", domain)
	case s.Again:
		printf(out, "Brought to %s, besides what was there from before:\n", domain)
	default:
		printf(out, "Brought to %s:\n", domain)
	}
	printf(out, "  %s\n", some(s.Users(), "user"))
	printf(out, "  %s, %s of them passwords and the like, which are sealed here\n", some(s.Settings, "setting"), thousands(s.Sealed))
	printf(out, "  %s of what is to be archived\n", some(s.Choices, "choice"))
	printf(out, "  %s\n", some(s.Contacts, "contact"))
	printf(out, "  %s that users are in at once, because they stay there (persistent)\n", some(s.Stays, "channel"))
	if cfg.Archive.Enabled {
		printf(out, "  %s of %s, in %s\n", some(s.Lines, "message"), some(s.Rooms(), "room"), took.Round(time.Second/10))
	} else {
		printf(out, "  no messages, because [archive] enabled = false\n")
	}
	if s.Kept > 0 {
		printf(out, "Kept, because users have set something here already: %s\n", some(s.Kept, "setting"))
	}
	counts(out, "Left out or changed:", s.Skipped())
	counts(out, "What users have set and does not work as it did, with how many users:", s.Left())
	if n := s.Networks(); len(n) > 0 {
		printf(out, "Networks that users reach at other servers than by their name. Put those that you trust into [[irc.network]]:\n")
		for _, network := range n[:min(len(n), maxNetworksShown)] {
			printf(out, "  %s: %s\n", network.Name, printable(strings.Join(network.Servers[:min(len(network.Servers), maxNetworksShown)], ", ")))
		}
		if more := len(n) - maxNetworksShown; more > 0 {
			printf(out, "  and %d more\n", more)
		}
	}
}

// maxNetworksShown bounds the list of networks, and that of servers of each.
const maxNetworksShown = 20

func counts(out io.Writer, title string, all []biboumi.Count) {
	if len(all) == 0 {
		return
	}
	printf(out, "%s\n", title)
	for _, c := range all {
		printf(out, "  %7s  %s\n", thousands(c.N), c.Text)
	}
}

// warn says that the passwords are still where they were.
func (i *biboumiImport) warn(database string) {
	printf(i.env.stdout, "\nbiboumi's database still has the passwords of users in clear text, and its configuration the secret. Keep the database until all is\n"+
		"as you want it, then destroy it:\n")
	if biboumi.IsPostgres(database) {
		printf(i.env.stdout, "  DROP DATABASE, and its backups\n")
		return
	}
	printf(i.env.stdout, "  shred -u %s\n", database)
}

// some writes a number of things.
func some(n int, of string) string {
	if n != 1 {
		of += "s"
	}
	return thousands(n) + " " + of
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
