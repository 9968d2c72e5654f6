package smtp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/sendertest"
)

// byteByByte says of s what appendPlain does, without looking at more than a byte at a time.
func byteByByte(s string) bool {
	length := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n':
			length = 0
		case c < ' ' && c != '\t' && (c != '\r' || i+1 == len(s) || s[i+1] != '\n') || c > '~' || length > 990:
			return false
		default:
			length++
		}
	}
	return true
}

func comparePlain(t *testing.T, s string) {
	t.Helper()
	got, ok := appendPlain(nil, s)
	if want := byteByByte(s); ok != want {
		t.Errorf("%q: plain is %v, want %v", s, ok, want)
	} else if ok && string(got) != string(appendLines(nil, s)) {
		t.Errorf("%q became %q", s, got)
	}
}

// TestEveryByteIsSeen puts every byte at every place of a word of eight, beside every neighbour that could hide it.
func TestEveryByteIsSeen(t *testing.T) {
	t.Parallel()
	for b := range 256 {
		for _, other := range "a ~\t\n\r\x00\x7f\xff" {
			for at := range 18 {
				s := []byte(strings.Repeat(string([]byte{byte(other)}), 18))
				s[at] = byte(b)
				comparePlain(t, string(s))
			}
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{
		"", "\r", "\r\n", "a\r", "a\r\r\n", "\ta\n\n", strings.Repeat("x", 991), strings.Repeat("x", 992), strings.Repeat("x", 990) + "\r\n",
		strings.Repeat("x", 991) + "\r\n", "12345678\x7f", "1234567\xff", "äöü", "a\nb",
	} {
		f.Add(s)
	}
	f.Fuzz(comparePlain)
}

// FuzzAnswer holds the reader of answers to textproto's: the same code, the same verdict, and the next answer where it begins.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"250 OK\r\n250 next\r\n", "250-a\r\n250 b\r\n354 c\r\n", "250\r\n", "25 x\r\n", "2x0 OK\r\n", "550 5.1.1 no\r\n250 b\r\n", "250 cut", "", "\r\n",
		"099 x\r\n", "250 \n354 go\n", "250 a\r\r\n", "354 go\r\n", "+50 x\r\n", "2500 x\r\n",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, said string, ordinary bool) {
		want := 354
		if ordinary {
			want = 25
		}
		ours := &conn{text: textproto.NewConn(&fakeConn{in: strings.NewReader(said)})}
		theirs := textproto.NewReader(bufio.NewReader(strings.NewReader(said)))
		for range 3 {
			code, text, err := ours.answer(want)
			theirCode, theirText, theirErr := theirs.ReadResponse(want)
			if code != theirCode || (err == nil) != (theirErr == nil) || err != nil && (text != theirText || err.Error() != theirErr.Error()) {
				t.Fatalf("%q: got %d %q %v, want %d %q %v", said, code, text, err, theirCode, theirText, theirErr)
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return
			}
		}
	})
}

// TestRoomIsNotShared: mails that are written at the same time, and after one another, are each their own.
func TestRoomIsNotShared(t *testing.T) {
	t.Parallel()
	srv := serve(t, Plain)
	s := open(t, srv.config(Plain))
	const mails = 200
	errs := make(chan error, mails)
	for n := range mails {
		go func() {
			e := sendertest.Envelope(email("someone@example.org"), n)
			e.HTML = strings.Repeat("<p>"+e.ID+"</p>\n", n+1)
			errs <- s.Send(t.Context(), e)
		}()
	}
	for range mails {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, m := range srv.received() {
		_, texts := parts(t, m)
		_, id, _ := strings.Cut(texts["text/html"], "<p>")
		id, _, _ = strings.Cut(id, "</p>")
		if n := strings.Count(texts["text/html"], "<p>"); n == 0 || n != strings.Count(texts["text/html"], "<p>"+id+"</p>") {
			t.Errorf("a mail holds parts of another:\n%s", m.data)
		}
		seen[texts["text/plain"]] = true
	}
	if len(seen) != mails {
		t.Errorf("%d different mails arrived, want %d", len(seen), mails)
	}
}

// TestOneMessageTakesItsTimeAtMost: a server that says nothing is left after Timeout, unless the caller wants it sooner.
func TestOneMessageTakesItsTimeAtMost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ timeout, callers time.Duration }{
		"a caller who waits for ever": {timeout: 50 * time.Millisecond},
		"a caller who waits for long": {timeout: 50 * time.Millisecond, callers: time.Hour},
		"a caller in a hurry":         {timeout: time.Hour, callers: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, Plain)
			srv.hang = make(chan struct{})
			cfg := srv.config(Plain)
			cfg.Timeout, cfg.Now = c.timeout, time.Now
			s := open(t, cfg)
			ctx := context.Background()
			if c.callers > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.callers)
				defer cancel()
			}
			sent := make(chan error, 1)
			go func() { sent <- s.Send(ctx, sendertest.Envelope(email("someone@example.org"), 1)) }()
			select {
			case err := <-sent:
				if !errors.Is(err, latchkey.Unavailable) {
					t.Errorf("got %v, want Unavailable", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("the message still waits for a server that says nothing")
			}
		})
	}
}
