package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"passerelle/e2e/benchrig"
)

// largeSize is how large the largest mails are that are taken where the operator has not set otherwise, less what stands around the file.
const largeSize = 25<<20 - 64<<10

// large brings mails with a large file each, all of them at once, and prints how much memory that has taken.
func (b *bench) large(ctx context.Context, s *site) error {
	file := bytes.Repeat([]byte("No page of it is like another. "), largeSize*3/4/31*76/78)
	text := make([]byte, base64.StdEncoding.EncodedLen(len(file)))
	base64.StdEncoding.Encode(text, file)
	var lines bytes.Buffer
	for len(text) > 0 {
		n := min(76, len(text))
		lines.Write(text[:n])
		lines.WriteString("\r\n")
		text = text[n:]
	}
	before, err := s.Gateway.ResidentKiB()
	if err != nil {
		return err
	}
	t := s.targets[0]
	// A letter, and its file as another one.
	written := s.XMPP.Expect(2 * b.atOnce)
	used, begun := benchrig.NewUsed(s.Gateway), time.Now()
	errs := make([]error, b.atOnce)
	var wg sync.WaitGroup
	var later atomic.Int32
	for i := range errs {
		wg.Go(func() {
			for {
				if errs[i] = bringLarge(t, i, lines.Bytes()); !errors.Is(errs[i], errLater) {
					return
				}
				later.Add(1) // as a mail server does, but that it would wait for longer
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	taken := time.Since(begun)
	select {
	case <-written:
	case <-time.After(10 * time.Minute):
		return fmt.Errorf("%d of %d stanzas came", s.XMPP.Count(), 2*b.atOnce)
	case <-ctx.Done():
		return ctx.Err()
	}
	peak, err := s.Gateway.PeakKiB()
	if err != nil {
		return err
	}
	fmt.Printf("%d mails of %d MiB at once, each with a file: taken after %.1f s (%d times one was to come later), with their users after %.1f s; processor each: %s; resident memory %d MiB before, %d at most.\n",
		b.atOnce, (lines.Len()+1<<19)>>20, taken.Seconds(), later.Load(), time.Since(begun).Seconds(), used.Each(b.atOnce), before>>10, peak>>10)
	return nil
}

// bringLarge brings one mail whose file is in lines.
func bringLarge(t target, i int, lines []byte) error {
	c, err := dialMail(t.addr, fmt.Sprintf("large%d", i), t.lmtp)
	if err != nil {
		return err
	}
	defer c.close()
	c.patience = 20 * time.Minute
	if err := c.command("250", "MAIL FROM:<large@sender.test>"); err != nil {
		return err
	}
	if err := c.command("250", "RCPT TO:<"+t.to(i%maxRecipient)+">"); err != nil {
		return err
	}
	if err := c.command("354", "DATA"); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.conn, "From: large@sender.test\r\nSubject: %d\r\nMessage-ID: <large%d@sender.test>\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n", i, i); err != nil {
		return err
	}
	if _, err := c.conn.Write(lines); err != nil {
		return err
	}
	if _, err := io.WriteString(c.conn, ".\r\n"); err != nil {
		return err
	}
	err = c.expect("250")
	if err != nil && strings.HasPrefix(err.Error(), `"451`) {
		return errLater
	}
	return err
}

// errLater says that a mail is to come again later.
var errLater = errors.New("later")
