package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// timeout is how long the process may take to answer.
const timeout = 40 * time.Second

// maxAnswer is how long an answer may be, in bytes.
const maxAnswer = 16 << 20

// Client talks to the running process. Safe to use from any goroutine.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient makes a client for the socket of a process. Close it after use.
func NewClient(socket string) *Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	return &Client{socket: socket, http: &http.Client{Transport: transport, Timeout: timeout}}
}

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// List returns all commands of all gateways.
func (c *Client) List(ctx context.Context) ([]Command, error) {
	var list []Command
	return list, c.do(ctx, http.MethodGet, nil, &list)
}

// Run runs a command.
func (c *Client) Run(ctx context.Context, q Request) (Answer, error) {
	var a Answer
	return a, c.do(ctx, http.MethodPost, q, &a)
}

func (c *Client) do(ctx context.Context, method string, q, a any) error {
	body := new(bytes.Buffer)
	if q != nil {
		if err := json.NewEncoder(body).Encode(q); err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://passerelle"+Path, body)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unreachable(err)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("passerelle answers %s: %s", response.Status, strings.TrimSpace(string(data)))
	}
	if err := json.Unmarshal(data, a); err != nil {
		return fmt.Errorf("what listens on %s does not answer as passerelle does: %w", c.socket, err)
	}
	return nil
}

// unreachable says in words why there is no answer.
func (c *Client) unreachable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("passerelle is not running: nobody listens on %s; start it, or name its configuration file with -config", c.socket)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("you may not use %s: run this as root, or as the user that passerelle runs as", c.socket)
	}
	return fmt.Errorf("ask passerelle on %s: %w", c.socket, err)
}
