package operator

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"passerelle/transports"
)

// exportPath is where an export is asked for.
const exportPath = "/export"

// The answer to a request for an export is frames: a kind, four bytes of length, and so many bytes. So the operator sees how far it is, and
// that it came to its end.
const (
	frameData     = 'd' // of the file
	frameProgress = 'p' // two numbers of eight bytes: how many messages are written, of about how many
	frameFailed   = 'f' // why, as Error; the last one
	frameEnd      = 'e' // the last one of a file that is whole
)

// Bounds of a frame, and of the waiting for one.
const (
	maxFrame   = 1 << 20
	frameWait  = time.Minute
	frameBytes = 5 // in front of each
)

func appendFrame(b []byte, kind byte, size int) []byte {
	return binary.BigEndian.AppendUint32(append(b, kind), uint32(size))
}

// frames writes frames. It belongs to one goroutine.
type frames struct {
	w       io.Writer
	control *http.ResponseController
	header  []byte
}

func (f *frames) write(kind byte, p []byte) error {
	_ = f.control.SetWriteDeadline(time.Now().Add(frameWait)) // in a test there may be none
	f.header = appendFrame(f.header[:0], kind, len(p))
	if _, err := f.w.Write(f.header); err != nil {
		return err
	}
	_, err := f.w.Write(p)
	return err
}

// Write writes a part of the file.
func (f *frames) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxFrame)
		if err := f.write(frameData, rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// progress says how far it is. A reader that has gone is found out by Write.
func (f *frames) progress(done, all int64) {
	_ = f.write(frameProgress, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(done)), uint64(all)))
}

// exportUser answers with everything that is kept about a user.
func exportUser(w http.ResponseWriter, r *http.Request, gateways []Gateway, log *slog.Logger) {
	f := &frames{w: w, control: http.NewResponseController(w)}
	_ = f.control.SetReadDeadline(time.Time{}) // its end would end the context
	var q Request
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(&q)
	var g Gateway
	var user transports.Address
	if err == nil {
		g, err = find(gateways, q.Domain)
	}
	if err == nil {
		user, err = readUser(q.User)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err == nil {
		log.Info("the operator exports a user")
		err = g.Export(r.Context(), user, "", f, f.progress)
	}
	if err != nil {
		if transports.AsError(err).Kind == transports.Internal && r.Context().Err() == nil {
			log.Error("a user could not be exported", "error", err)
		}
		failed, _ := json.Marshal(answerOf(transports.Outcome{}, err).Error) // of strings
		_ = f.write(frameFailed, failed)
		return
	}
	_ = f.write(frameEnd, nil) // the client may be gone; there is nobody to tell
}

// Export writes everything that is kept about a user to w. Progress is told how many messages of about how many are written. Where the
// process refuses, the error is an *Error.
func (c *Client) Export(ctx context.Context, q Request, w io.Writer, progress func(done, all int64)) error {
	body, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://passerelle"+exportPath, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	response, err := (&http.Client{Transport: c.http.Transport}).Do(request) // it takes as long as it takes
	if err != nil {
		return c.unreachable(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("passerelle answers %s", response.Status)
	}
	var header [frameBytes]byte
	for {
		if _, err := io.ReadFull(response.Body, header[:]); err != nil {
			return fmt.Errorf("passerelle broke off: %w", err)
		}
		size := int64(binary.BigEndian.Uint32(header[1:]))
		if size > maxFrame {
			return errors.New("what listens there does not answer as passerelle does")
		}
		switch header[0] {
		case frameData:
			if _, err := io.CopyN(w, response.Body, size); err != nil {
				return fmt.Errorf("write the export: %w", err)
			}
			continue
		case frameEnd:
			return nil
		}
		said := make([]byte, size)
		if _, err := io.ReadFull(response.Body, said); err != nil {
			return fmt.Errorf("passerelle broke off: %w", err)
		}
		if header[0] == frameFailed {
			e := new(Error)
			if err := json.Unmarshal(said, e); err != nil {
				return fmt.Errorf("read why there is no export: %w", err)
			}
			return e
		}
		if header[0] == frameProgress && len(said) == 16 && progress != nil {
			progress(int64(binary.BigEndian.Uint64(said)), int64(binary.BigEndian.Uint64(said[8:])))
		}
	}
}
