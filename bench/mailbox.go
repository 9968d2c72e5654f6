package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
	"sync"
	"time"
)

// A mail is what a person finds in their inbox: the code, perhaps a link, and when it came.
type mail struct {
	code string
	link string // the token in it; empty without a link
	at   time.Time
	err  error // no code could be read in it
}

// mailboxes hand each mail to whoever waits for it. The zero value is ready.
type mailboxes struct {
	mu    sync.Mutex
	boxes map[string]chan mail
	stray int // mails that nobody waited for
}

// expect opens the box of an address. It must be called before the mail is asked for.
func (m *mailboxes) expect(address string, box chan mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.boxes == nil {
		m.boxes = map[string]chan mail{}
	}
	m.boxes[address] = box
}

// deliver puts a mail into the box of its address and closes the box: one mail was asked for, so a second one is stray.
func (m *mailboxes) deliver(address string, raw []byte) {
	now := time.Now()
	m.mu.Lock()
	box := m.boxes[address]
	delete(m.boxes, address)
	if box == nil {
		m.stray++
	}
	m.mu.Unlock()
	if box == nil {
		return
	}
	got, err := readMail(raw)
	got.at, got.err = now, err
	box <- got
}

// strays counts the mails that nobody waited for: a message sent twice, for one.
func (m *mailboxes) strays() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stray
}

// readMail reads the text part of a mail.
func readMail(raw []byte) (m mail, err error) {
	text, err := textPart(raw)
	if err != nil {
		return m, err
	}
	m.link = linkIn(text)
	m.code, err = codeIn(text)
	return m, err
}

// linkIn gives the token of the first link in a text.
func linkIn(text []byte) string {
	_, rest, _ := bytes.Cut(text, []byte("/l/"))
	for i, b := range rest {
		if b <= ' ' {
			return string(rest[:i])
		}
	}
	return string(rest)
}

// codeIn gives the first run of six to ten digits that stands alone, which is what a person sees first, too.
func codeIn(text []byte) (string, error) {
	for i := 0; i < len(text); i++ {
		if !digit(text[i]) {
			continue
		}
		start := i
		for i < len(text) && digit(text[i]) {
			i++
		}
		if n := i - start; n >= 6 && n <= 10 {
			return string(text[start:i]), nil
		}
	}
	return "", errors.New("no code in the mail's text")
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

var (
	textPlain = []byte("Content-Type: text/plain")
	endOfHead = []byte("\r\n\r\n")
	boundary  = []byte("\r\n--")
)

// textPart finds and decodes the text/plain part of a mail, whole or one of several. It reads no more of MIME than
// that, because it shares its two cores with the server that is measured.
func textPart(raw []byte) ([]byte, error) {
	at := bytes.Index(raw, textPlain)
	if at < 0 {
		return nil, errors.New("no text part in the mail")
	}
	// The encoding's line may stand before the type's: the head of the part begins after its boundary.
	from := bytes.LastIndex(raw[:at], boundary)
	if from < 0 {
		from = 0
	}
	end := bytes.Index(raw[at:], endOfHead)
	if end < 0 {
		return nil, errors.New("the mail's text part has no end of head")
	}
	head, body := bytes.ToLower(raw[from:at+end]), raw[at+end+len(endOfHead):]
	if stop := bytes.Index(body, boundary); stop >= 0 {
		body = body[:stop]
	}
	switch {
	case bytes.Contains(head, []byte("\r\ncontent-transfer-encoding: base64")):
		return io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body)))
	case bytes.Contains(head, []byte("\r\ncontent-transfer-encoding: quoted-printable")):
		return io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
	}
	return body, nil
}
