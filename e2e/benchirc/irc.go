package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"passerelle/internal/realservers/freeport"
)

// ircServer is an IRC server without rules, on which everybody gets what he asks for. In channels that begin with #big there are
// 500 others, who say nothing, and of whom those who join are not told.
type ircServer struct {
	listener net.Listener
	addr     string
	crowd    []string // lines of NAMES, without what is before the colon

	mu       sync.Mutex
	channels map[string][]*ircClient
	said     atomic.Int64 // messages of clients
	lost     atomic.Int64 // connections that have ended
}

const crowdSize = 500

type ircClient struct {
	conn net.Conn
	nick string
	mu   sync.Mutex // of writing
}

func newIRCServer(secure *tls.Config) (*ircServer, error) {
	l, err := freeport.Listen()
	if err != nil {
		return nil, err
	}
	s := &ircServer{addr: l.Addr().String(), channels: make(map[string][]*ircClient), listener: l}
	if secure != nil {
		s.listener = tls.NewListener(l, secure)
	}
	var names []string
	for i := range crowdSize {
		names = append(names, fmt.Sprintf("other%03d", i))
	}
	for part := range slices.Chunk(names, 40) {
		s.crowd = append(s.crowd, strings.Join(part, " "))
	}
	go s.accept()
	return s, nil
}

func (s *ircServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		go s.serve(&ircClient{conn: conn})
	}
}

func (s *ircServer) serve(c *ircClient) {
	defer s.leave(c)
	r := bufio.NewReaderSize(c.conn, 4096)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		s.take(c, strings.TrimRight(line, "\r\n"))
	}
}

func (c *ircClient) write(lines string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.conn.Write([]byte(lines)) // a client that is gone shows when reading
}

func (c *ircClient) mask() string { return c.nick + "!~" + c.nick + "@host.example" }

// take handles a line of a client.
func (s *ircServer) take(c *ircClient, line string) {
	command, rest, _ := strings.Cut(line, " ")
	switch strings.ToUpper(command) {
	case "CAP":
		if strings.HasPrefix(rest, "LS") {
			c.write(":bench CAP * LS :multi-prefix\r\n")
		} else if _, caps, ok := strings.Cut(rest, "REQ "); ok {
			c.write(":bench CAP * ACK " + caps + "\r\n")
		}
	case "NICK":
		c.nick = strings.TrimPrefix(rest, ":")
	case "USER":
		c.write(fmt.Sprintf(":bench 001 %[1]s :Welcome\r\n:bench 002 %[1]s :Your host\r\n:bench 003 %[1]s :Created\r\n:bench 004 %[1]s bench 1 io nt\r\n"+
			":bench 005 %[1]s CHANTYPES=# PREFIX=(ov)@+ CHANMODES=b,k,l,imnpst NICKLEN=30 NETWORK=Bench :are supported\r\n:bench 422 %[1]s :No MOTD\r\n", c.nick))
	case "PING":
		c.write(":bench PONG bench " + rest + "\r\n")
	case "JOIN":
		list, _, _ := strings.Cut(strings.TrimPrefix(rest, ":"), " ")
		for channel := range strings.SplitSeq(list, ",") {
			s.join(c, channel)
		}
	case "MODE":
		if channel, more, _ := strings.Cut(rest, " "); more == "" && strings.HasPrefix(channel, "#") {
			c.write(fmt.Sprintf(":bench 324 %s %s +nt\r\n", c.nick, channel))
		}
	case "PRIVMSG":
		channel, _, _ := strings.Cut(rest, " ")
		out := ":" + c.mask() + " " + line + "\r\n"
		for _, m := range s.members(channel) {
			if m != c {
				m.write(out)
			}
		}
		s.said.Add(1)
	case "QUIT":
		_ = c.conn.Close()
	}
}

func (s *ircServer) join(c *ircClient, channel string) {
	big := strings.HasPrefix(channel, "#big")
	s.mu.Lock()
	there := slices.Clone(s.channels[channel])
	s.channels[channel] = append(s.channels[channel], c)
	s.mu.Unlock()
	line := ":" + c.mask() + " JOIN " + channel + "\r\n"
	var b strings.Builder
	b.WriteString(line + fmt.Sprintf(":bench 332 %s %s :a topic\r\n", c.nick, channel))
	names := s.crowd
	if !big {
		names = []string{"@bot"}
		for _, m := range there {
			names = append(names, m.nick)
			m.write(line)
		}
	}
	for _, part := range append(slices.Clone(names), c.nick) {
		fmt.Fprintf(&b, ":bench 353 %s = %s :%s\r\n", c.nick, channel, part)
	}
	fmt.Fprintf(&b, ":bench 366 %s %s :End\r\n", c.nick, channel)
	c.write(b.String())
}

func (s *ircServer) members(channel string) []*ircClient {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.channels[channel])
}

func (s *ircServer) leave(c *ircClient) {
	_ = c.conn.Close() // it may be closed already
	s.lost.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, members := range s.channels {
		if i := slices.Index(members, c); i >= 0 {
			s.channels[name] = slices.Delete(members, i, i+1)
		}
	}
}

// say has the bot say something n times in a channel. All members get it in step, some lines at a time.
func (s *ircServer) say(channel, text string, n int) {
	const together = 20 // lines a write
	members := s.members(channel)
	go func() {
		for said := 0; said < n; {
			var b strings.Builder
			for end := min(n, said+together); said < end; said++ {
				fmt.Fprintf(&b, ":bot!~bot@host.example PRIVMSG %s :%d %s\r\n", channel, said, text)
			}
			for _, m := range members {
				m.write(b.String())
			}
		}
	}()
}

// tell has the bot say something once, and reports whether anybody is in the channel.
func (s *ircServer) tell(channel, text string) bool {
	members := s.members(channel)
	for _, m := range members {
		m.write(":bot!~bot@host.example PRIVMSG " + channel + " :" + text + "\r\n")
	}
	return len(members) > 0
}

func (s *ircServer) close() error {
	err := s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, members := range s.channels {
		for _, m := range members {
			_ = m.conn.Close()
		}
	}
	return err
}
