package realservers

import (
	"context"
	"errors"
	"fmt"
	"io"
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
		return a.launch(path, o.Server)
	}}
	if err := a.begin(ctx, ""); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Atheme) launch(path string, server *Inspircd) (launch, error) {
	var text strings.Builder
	if err := athemeConfig.Execute(&text, struct {
		Name, Server, Password, Port string
		Modules                      []string
	}{ServicesName, server.Name, servicesPassword, freeport.Port(server.servicesAddr), strings.Fields(athemeModules)}); err != nil {
		return launch{}, err
	}
	file := func(name string) string { return filepath.Join(a.dir, name) }
	return launch{
		cmd: exec.Command(path, "-n", "-c", file("atheme.conf"), "-l", file("atheme.log"), "-p", file("atheme.pid"), "-D", a.dir),
		// It says so when the server has told of all users, and has been told of the services.
		ready: []string{"finished synching"},
	}, a.write("atheme.conf", text.String())
}

const athemeModules = `
	protocol/inspircd backend/opensex crypto/pbkdf2v2
	nickserv/main nickserv/cert nickserv/drop nickserv/freeze nickserv/identify nickserv/info nickserv/register nickserv/set_core nickserv/set_password
	saslserv/main saslserv/plain saslserv/external`

// athemeConfig takes a struct with Name, Server, Password, Port and Modules. Whoever registers need not have a mailbox.
var athemeConfig = template.Must(template.New("atheme.conf").Parse(`/* written by a test */
{{range .Modules}}loadmodule "modules/{{.}}";
{{end}}
serverinfo {
	name = "{{.Name}}"; desc = "test services"; numeric = "00S"; recontime = 1; netname = "Test";
	adminname = "test"; adminemail = "test@example.org"; registeremail = "test@example.org";
	auth = none; maxlogins = 1000; maxusers = 0;
};
uplink "{{.Server}}" { host = "127.0.0.1"; port = {{.Port}}; send_password = "{{.Password}}"; receive_password = "{{.Password}}"; };
nickserv { nick = "NickServ"; user = "NickServ"; host = "{{.Name}}"; real = "NickServ"; };
saslserv { nick = "SaslServ"; user = "SaslServ"; host = "{{.Name}}"; real = "SaslServ"; };
general { commit_interval = 5; flood_msgs = 0; ratelimit_uses = 0; };
`))
