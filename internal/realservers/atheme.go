package realservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"passerelle/internal/realservers/freeport"
)

// ServicesName is the name of the server that services are, to InspIRCd.
const ServicesName = "services.test.example"

const servicesPassword = "linked" // between two servers of one test

// AthemeOptions say how Atheme is set up.
type AthemeOptions struct {
	Server *Inspircd // that it serves, started with Services
	Mail   bool      // accounts begin with a code that is sent by mail, see Mails
	Log    io.Writer // what it writes, if not nil; used by another goroutine
}

// Atheme is the services of an IRC network: NickServ, where users register accounts, and SaslServ, where they log in to them by
// PLAIN and EXTERNAL. Its methods are safe to call from any goroutine.
type Atheme struct{ life }

// StartAtheme starts services and returns once they are linked to their server. ctx bounds the start, not their life: Stop ends
// it. The error is exec.ErrNotFound if Atheme is not installed.
func StartAtheme(ctx context.Context, o AthemeOptions) (*Atheme, error) {
	path, err := program("atheme-services")
	if err != nil {
		return nil, fmt.Errorf("start atheme: %w", err)
	}
	if o.Server.servicesAddr == "" {
		return nil, errors.New("start atheme: the IRC server was started without Services")
	}
	a := &Atheme{}
	a.life = life{name: "atheme", user: nobody, log: o.Log, prepare: func() (launch, error) {
		return a.launch(path, o)
	}}
	if err := a.begin(ctx, ""); err != nil {
		return nil, err
	}
	return a, nil
}

// Mails are all that were sent.
func (a *Atheme) Mails() (string, error) {
	data, err := os.ReadFile(filepath.Join(a.dir, "mails"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return string(data), err
}

func (a *Atheme) launch(path string, o AthemeOptions) (launch, error) {
	file := func(name string) string { return filepath.Join(a.dir, name) }
	mailer := ""
	if o.Mail {
		mailer = file("sendmail")
		if err := a.write("sendmail", "#!/bin/sh\ncat >>"+file("mails")+"\n"); err != nil {
			return launch{}, err
		}
		if err := os.Chmod(mailer, 0o700); err != nil { //nolint:gosec // it is a program
			return launch{}, err
		}
	}
	var text strings.Builder
	if err := athemeConfig.Execute(&text, struct {
		Name, Server, Password, Port, Mailer string
		Modules                              []string
	}{ServicesName, o.Server.Name, servicesPassword, freeport.Port(o.Server.servicesAddr), mailer, strings.Fields(athemeModules)}); err != nil {
		return launch{}, err
	}
	return launch{
		cmd: exec.Command(path, "-n", "-c", file("atheme.conf"), "-l", file("atheme.log"), "-p", file("atheme.pid"), "-D", a.dir),
		// It says so when the server has told of all users, and has been told of the services.
		ready: []string{"finished synching"},
	}, a.write("atheme.conf", text.String())
}

const athemeModules = `
	protocol/inspircd backend/opensex crypto/pbkdf2v2
	nickserv/main nickserv/cert nickserv/drop nickserv/freeze nickserv/ghost nickserv/identify nickserv/info nickserv/register nickserv/set_core nickserv/set_password nickserv/verify
	saslserv/main saslserv/plain saslserv/external`

// athemeConfig takes a struct with Name, Server, Password, Port, Mailer and Modules. Without a mailer whoever registers need not have a mailbox.
var athemeConfig = template.Must(template.New("atheme.conf").Parse(`/* written by a test */
{{range .Modules}}loadmodule "modules/{{.}}";
{{end}}
serverinfo {
	name = "{{.Name}}"; desc = "test services"; numeric = "00S"; recontime = 1; netname = "Test";
	adminname = "test"; adminemail = "test@example.org"; registeremail = "test@example.org";
	auth = {{if .Mailer}}email; mta = "{{.Mailer}}"{{else}}none{{end}}; maxlogins = 1000; maxusers = 0;
};
uplink "{{.Server}}" { host = "127.0.0.1"; port = {{.Port}}; send_password = "{{.Password}}"; receive_password = "{{.Password}}"; };
nickserv { nick = "NickServ"; user = "NickServ"; host = "{{.Name}}"; real = "NickServ"; };
saslserv { nick = "SaslServ"; user = "SaslServ"; host = "{{.Name}}"; real = "SaslServ"; };
general { commit_interval = 5; flood_msgs = 0; ratelimit_uses = 0; };
`))
