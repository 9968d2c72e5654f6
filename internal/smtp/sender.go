// Package smtp is the room for mail: a Sender that hands messages to one SMTP server. It owns go-mail, which dials,
// greets, encrypts and authenticates; the mail transaction itself is here, because a login's mail must cost one round trip
// and not five. Where the server takes chunks (RFC 3030) and pipelined commands (RFC 2920), a mail is one write, and without
// chunks two.
//
// Connections are kept and used again. One that died meanwhile is replaced, and its message sent once more, without
// anybody noticing. None waits for use longer than idleLife.
//
// What the server's answers mean:
//
//	on                     4yz           5yz             no answer
//	connect, TLS, AUTH     Unavailable   Unavailable     Unavailable    5yz: the configuration is wrong, not the message
//	MAIL FROM              Unavailable   Unavailable     Unavailable    the same
//	RCPT TO, DATA, BDAT    Unavailable   Undeliverable   Unavailable    530, 535, 538 (no AUTH), 503: Unavailable
//	BDAT, 500 to 504 where the recipient was taken: the server, or what stands between, cannot do what it offers. The mail
//	goes again by DATA, on a new connection, and so does every one after it.
//
// No answer's text is ever in an error: servers like to quote the address.
package smtp

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// A TLSMode says how a connection is encrypted.
type TLSMode string

// The modes.
const (
	STARTTLS TLSMode = "starttls" // upgraded; a server that does not offer it is refused. The default
	TLS      TLSMode = "tls"      // from the first byte, as on port 465
	Plain    TLSMode = "none"     // not at all
)

// A Config is what an operator says about their server.
type Config struct {
	Host        string // name or address; the certificate must be for it
	Port        int    // 0: 587, or 465 with TLS, or 25 with Plain
	TLS         TLSMode
	Username    string          // empty: no AUTH
	Password    latchkey.Secret // refused with Plain, unless Host is loopback
	From        string          // "login@example.com" or "Example <login@example.com>"; the project's name goes before this one's
	HELO        string          // empty: the domain of From
	Connections int             // at a time; 0: 8
	Timeout     time.Duration   // of one message; 0: 10 s
	RootCAs     *x509.CertPool  // nil: the system's
	Now         func() time.Time
}

// idleLife is how long a connection is kept unused. Servers close theirs after one to five minutes.
const idleLife = time.Minute

// A Sender is a latchkey.Sender for mail.
type Sender struct {
	cfg   Config
	from  mail.Address
	slots chan struct{} // one token for every connection in use
	// chunkless: the server offered CHUNKING and failed at it. It is not tried again: a text by DATA costs a round trip more.
	chunkless atomic.Bool
	rooms     sync.Pool // of *[]byte: where mails were written

	mu     sync.Mutex
	idle   []*conn // the last one was used last
	closed bool
}

// New checks cfg and gives its Sender. It connects with the first message.
// Errors: Invalid, which names the setting.
func New(cfg Config) (*Sender, error) {
	if cfg.TLS == "" {
		cfg.TLS = STARTTLS
	}
	if cfg.Port == 0 {
		cfg.Port = map[TLSMode]int{STARTTLS: 587, TLS: 465, Plain: 25}[cfg.TLS]
	}
	if cfg.Connections == 0 {
		cfg.Connections = 8
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	from, err := mail.ParseAddress(cfg.From)
	switch {
	case cfg.Host == "":
		return nil, latchkey.BadField("host", "the SMTP server's host is missing")
	case cfg.TLS != STARTTLS && cfg.TLS != TLS && cfg.TLS != Plain:
		return nil, latchkey.BadField("tls", "the TLS mode is starttls, tls or none")
	case cfg.Port < 1 || cfg.Port > 65535:
		return nil, latchkey.BadField("port", "a port is 1 to 65535")
	case err != nil || !speakable(from.Address) || !ascii(from.Address):
		return nil, latchkey.BadField("from", "the sender is an address such as login@example.com or Example <login@example.com>")
	case cfg.Connections < 1 || cfg.Connections > 1000:
		return nil, latchkey.BadField("connections", "1 to 1000 connections")
	case cfg.Timeout < 0:
		return nil, latchkey.BadField("timeout", "a timeout is positive")
	case cfg.Username != "" && cfg.TLS == Plain && !loopback(cfg.Host):
		return nil, latchkey.BadField("tls", "a password is not sent unencrypted to another machine: use starttls or tls")
	case cfg.Now == nil:
		return nil, errors.New("smtp: no clock")
	}
	if cfg.HELO == "" {
		cfg.HELO = domain(from.Address)
	}
	return &Sender{cfg: cfg, from: *from, slots: make(chan struct{}, cfg.Connections)}, nil
}

// Name implements latchkey.Sender.
func (s *Sender) Name() string { return "smtp" }

// Send implements latchkey.Sender.
func (s *Sender) Send(ctx context.Context, e latchkey.Envelope) error {
	if end, ok := ctx.Deadline(); !ok || end.Sub(s.cfg.Now()) > s.cfg.Timeout { // or else there is a timer already
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.cfg.Timeout)
		defer cancel()
	}
	room, ok := s.rooms.Get().(*[]byte)
	if !ok {
		room = new([]byte)
	}
	defer s.rooms.Put(room)
	m, err := s.compose(*room, e)
	if err != nil {
		return err
	}
	*room = m.data
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return unavailable("no connection came free in time", ctx.Err())
	}
	c := s.take()
	for reused := c != nil; ; reused, c = false, nil {
		if c == nil {
			if c, err = s.dial(ctx); err != nil {
				return err
			}
		}
		c.chunks = c.chunks && !s.chunkless.Load()
		keep, err := c.send(ctx, m)
		if c.noChunks {
			s.chunkless.Store(true)
		}
		died := reused && err != nil && !keep && !errors.Is(err, latchkey.Undeliverable)
		if ctx.Err() != nil || !died && !errors.Is(err, errNoChunks) {
			s.put(c, keep)
			return err
		}
		c.close()
	}
}

// take gives the kept connection that was used last, or nil.
func (s *Sender) take() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.idle)
	if n == 0 {
		return nil
	}
	c := s.idle[n-1]
	s.idle = s.idle[:n-1]
	c.retire.Stop()
	return c
}

// put keeps a connection that can be used again.
func (s *Sender) put(c *conn, keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !keep || s.closed {
		c.close()
		return
	}
	s.idle = append(s.idle, c)
	if c.retire == nil {
		c.retire = time.AfterFunc(idleLife, func() { s.drop(c) })
	} else {
		c.retire.Reset(idleLife)
	}
}

// drop closes a connection that nobody used for idleLife, unless somebody just took it.
func (s *Sender) drop(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, x := range s.idle {
		if x == c {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			c.close()
			return
		}
	}
}

// Close implements latchkey.Sender: the kept connections go at once, those in use after their message.
func (s *Sender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.idle {
		c.retire.Stop()
		c.close()
	}
	s.idle = nil
	return nil
}

func unavailable(what string, cause error) error {
	return &latchkey.Error{Code: latchkey.Unavailable, Message: "mail server: " + what, Err: cause}
}

func undeliverable(what string, cause error) error {
	return &latchkey.Error{Code: latchkey.Undeliverable, Message: "mail server: " + what, Err: cause}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// speakable reports whether an address can stand between angle brackets in a command: nothing that ends the line or
// the path (RFC 5321 §4.1.2).
func speakable(address string) bool {
	return address != "" && !strings.ContainsFunc(address, func(r rune) bool {
		return r <= ' ' || r == '<' || r == '>' || r == 0x7f
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e })
}
