package export

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"passerelle/store"
)

// linesEnv is how many messages the export of BenchmarkWrite has, such as 10000000. It takes minutes and gigabytes to make that.
const linesEnv = "PASSERELLE_EXPORT_BENCH_LINES"

// counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// BenchmarkWrite exports a user who heard ten rooms and whose contacts wrote as much as one of them. An operation is an export.
func BenchmarkWrite(b *testing.B) {
	lines := 20_000
	if text := os.Getenv(linesEnv); text != "" {
		var err error
		if lines, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	db, _ := openStore(b)
	const batch, rooms = 1000, 10
	words := strings.Fields("some words that people say to each other in rooms of a network of old, of which no two are quite the same")
	for n := 0; n < lines; n += batch {
		room := n / batch % (rooms + 1)
		write(b, db, func(tx *store.Tx) error {
			said := make([]string, min(batch, lines-n))
			for i := range said {
				said[i] = "<message id='" + fmt.Sprintf("%026d", n+i) + "' type='groupchat'><body>" + strings.Join(words[(n+i)%7:7+(n+i)%13], " ") + "</body><occupant-id xmlns='urn:xmpp:occupant-id:0' id='WmYjzLMmN3gdB1VG" + fmt.Sprintf("%08d", i%100) + "'/></message>"
			}
			at := begin.Add(time.Duration(n) * time.Second)
			if room == rooms {
				private := make([]store.PrivateLine, len(said))
				for i := range private {
					private[i] = store.PrivateLine{Owner: alice, With: fmt.Sprint("nick", i%100, "%net"), ID: fmt.Sprintf("%026d", n+i), Time: at, Stanza: said[i]}
				}
				_, err := tx.AppendPrivateLines(private)
				return err
			}
			heard := make([]store.RoomLine, len(said))
			for i := range heard {
				heard[i] = store.RoomLine{ID: fmt.Sprintf("%026d", n+i), Time: at, Nick: fmt.Sprint("nick", i%100), Stanza: said[i]}
			}
			return hear(tx, fmt.Sprint("#room", room, "%net"), []store.UserID{alice}, heard...)
		})
	}
	var out counter
	var most uint64
	o := options(db)
	o.Progress = func(n int64) {
		if n%(64*progressEvery) == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse+m.StackInuse)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		out = 0
		if err := Write(b.Context(), &out, o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(out)/(1<<20), "MB")
	b.ReportMetric(float64(most)/(1<<20), "MB-heap")
}
