package main

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
)

const plainMail = "Subject: hello\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n" +
	"Demo 2026: your code is\r\n\r\n  482913\r\n\r\nIt works for 3 minutes.\r\n\r\n@localhost:8080 #482913\r\n"

func TestReadCode(t *testing.T) {
	t.Parallel()
	const multipart = "MIME-Version: 1.0\r\nSubject: 111111 is not where we look\r\nContent-Type: multipart/alternative;\r\n boundary=b0\r\n\r\n--b0\r\n"
	for name, c := range map[string]struct{ raw, want string }{
		"plain":           {plainMail, "482913"},
		"years and hours": {"Content-Type: text/plain\r\n\r\nin 2026 at 18:30, 48291 and 12345678901, then 0012345678\r\n", "0012345678"},
		"multipart, text after its encoding": {
			multipart + "Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n" +
				"co=\r\nde =34=382913\r\n--b0\r\nContent-Type: text/html\r\n\r\n<b>777777</b>\r\n--b0--\r\n", "482913",
		},
		"multipart, html first": {
			multipart + "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nNzc3Nzc3\r\n--b0\r\n" +
				"Content-Type: text/plain\r\n\r\n482913\r\n--b0--\r\n", "482913",
		},
		"base64": {
			multipart + "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nNDgy\r\nOTEz\r\n--b0--\r\n", "482913",
		},
		"no code in the text": {multipart + "Content-Type: text/plain\r\n\r\nhello\r\n--b0\r\nContent-Type: text/html\r\n\r\n482913\r\n--b0--\r\n", ""},
		"no text":             {"Content-Type: text/html\r\n\r\n482913\r\n", ""},
		"no end of head":      {"Content-Type: text/plain", ""},
		"empty":               {"", ""},
	} {
		got, err := readMail([]byte(c.raw))
		if got.code != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: got %q, %v; want %q", name, got.code, err, c.want)
		}
	}
}

// TestSinkHandsOutTheCode speaks SMTP to the sink, once command by command and once all at once (RFC 2920).
func TestSinkHandsOutTheCode(t *testing.T) {
	t.Parallel()
	s := serveSink(t)
	for _, pipelined := range []bool{false, true} {
		to := fmt.Sprintf("player+%v@example.com", pipelined)
		box := make(chan mail, 1)
		s.expect(to, box)
		c, err := textproto.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		dotted := strings.ReplaceAll("\r\n"+plainMail+".hidden\r\n", "\r\n.", "\r\n..")
		say := []struct {
			text string
			code int
		}{
			{"EHLO bench", 250}, {"NOOP", 250}, {"MAIL FROM:<login@example.com> BODY=8BITMIME", 250},
			{"RCPT TO:<" + to + ">", 250}, {"DATA", 354}, {dotted[2:] + ".", 250}, {"VRFY x", 502}, {"RSET", 250}, {"QUIT", 221},
		}
		if _, _, err := c.ReadResponse(220); err != nil {
			t.Fatal("greeting:", err)
		}
		for _, x := range say {
			fmt.Fprint(c.W, x.text+"\r\n")
			if pipelined {
				continue
			}
			c.W.Flush()
			if _, msg, err := c.ReadResponse(x.code); err != nil {
				t.Fatalf("%s: %v %s", x.text, err, msg)
			}
		}
		if pipelined {
			c.W.Flush()
			for _, x := range say {
				if _, msg, err := c.ReadResponse(x.code); err != nil {
					t.Fatalf("pipelined %s: %v %s", x.text, err, msg)
				}
			}
		}
		if m := <-box; m.code != "482913" || m.err != nil {
			t.Errorf("pipelined %v: got %q, %v", pipelined, m.code, m.err)
		}
	}
	if n := s.strays(); n != 0 {
		t.Errorf("%d mails counted as stray", n)
	}
}

// TestSinkTakesChunks speaks RFC 3030 to the sink, all at once, and with one that does without.
func TestSinkTakesChunks(t *testing.T) {
	t.Parallel()
	half := len(plainMail) / 2
	chunks := fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", half, plainMail[:half], len(plainMail)-half, plainMail[half:])
	nobody := fmt.Sprintf("BDAT %d LAST\r\n%s", len(plainMail), plainMail)
	for name, c := range map[string]struct {
		whole bool
		text  string
		codes []int
		mails int
	}{
		"in two chunks": {text: "MAIL FROM:<a@b.c>\r\nRCPT TO:<%s>\r\n" + chunks + "NOOP\r\n", codes: []int{250, 250, 250, 250, 250}, mails: 1},
		"for nobody":    {text: nobody + "RCPT TO:<%s>\r\n", codes: []int{503, 250}},
		"started anew": {
			text:  "MAIL FROM:<a@b.c>\r\nRCPT TO:<%[1]s>\r\nBDAT 4\r\nabcdRSET\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<%[1]s>\r\n" + nobody,
			codes: []int{250, 250, 250, 250, 250, 250, 250}, mails: 1,
		},
		"not offered": {whole: true, text: "MAIL FROM:<a@b.c>\r\nRCPT TO:<%s>\r\n" + nobody, codes: []int{250, 250, 502}},
	} {
		s := serveSink(t)
		s.whole = c.whole
		to := "player@example.com"
		box := make(chan mail, 1)
		s.expect(to, box)
		talk, err := textproto.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer talk.Close()
		fmt.Fprintf(talk.W, "EHLO bench\r\n"+c.text, to)
		talk.W.Flush()
		_, _, _ = talk.ReadResponse(220)
		if _, offers, err := talk.ReadResponse(250); err != nil || strings.Contains(offers, "CHUNKING") == c.whole {
			t.Errorf("%s: EHLO was answered %q, %v", name, offers, err)
		}
		for i, want := range c.codes {
			if _, msg, err := talk.ReadResponse(want); err != nil {
				t.Errorf("%s: answer %d is %v %s, want %d", name, i+1, err, msg, want)
			}
		}
		if len(box) != c.mails {
			t.Errorf("%s: %d mails, want %d", name, len(box), c.mails)
		} else if c.mails > 0 {
			if m := <-box; m.code != "482913" || m.err != nil {
				t.Errorf("%s: got %q, %v", name, m.code, m.err)
			}
		}
	}
}

// TestASecondMailIsStray: the run fails when a message is sent twice.
func TestASecondMailIsStray(t *testing.T) {
	t.Parallel()
	var m mailboxes
	box := make(chan mail, 2)
	m.expect("a@example.com", box)
	m.deliver("a@example.com", []byte(plainMail))
	m.deliver("a@example.com", []byte(plainMail))
	m.deliver("b@example.com", []byte(plainMail))
	if len(box) != 1 || m.strays() != 2 {
		t.Errorf("%d mails delivered and %d stray, want 1 and 2", len(box), m.strays())
	}
}

func TestReadDataTakesLinesOfAnyLength(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 40) + ".\r\n"
	got, err := readData(bufio.NewReaderSize(strings.NewReader(long+"..\r\n...a\r\n.\r\nQUIT\r\n"), 16), nil)
	if want := long + ".\r\n..a\r\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if _, err := readData(bufio.NewReader(strings.NewReader("cut off\r\n.")), nil); err == nil {
		t.Error("a mail without its end was taken for one")
	}
}

func serveSink(t *testing.T) *sink {
	t.Helper()
	s, err := newSink()
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve()
	t.Cleanup(s.Close)
	return s
}

// serveBytes answers every connection's first request with the same bytes.
func serveBytes(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			bufio.NewReader(c).ReadString('\n')
			fmt.Fprint(c, answer)
			c.Close()
		}
	}()
	return l.Addr().String()
}
