package smtp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/latchkey-dev/latchkey"
)

// A server is a real SMTP server on a loopback port, and what it was told.
type server struct {
	t        testing.TB
	srv      *gosmtp.Server
	listener *countedListener
	tls      *tls.Config
	roots    *x509.CertPool

	mu      sync.Mutex
	mails   []sent // accepted
	logins  int    // successful AUTHs
	busy    bool
	noInput bool // RCPT refuses for want of AUTH
	hang    chan struct{}
	discard bool
	count   atomic.Int64
}

// A sent mail is one accepted transaction.
type sent struct {
	from, to string
	data     []byte
}

type option func(*server)

// serve starts a server. Everything ends with the test.
func serve(t testing.TB, mode TLSMode, opts ...option) *server {
	t.Helper()
	s := &server{t: t}
	s.tls, s.roots = certificate(t)
	s.srv = gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &session{s: s}, nil }))
	s.srv.Domain = "mx.example.net"
	s.srv.ErrorLog = log.New(io.Discard, "", 0)
	for _, o := range opts {
		o(s)
	}
	if mode == STARTTLS {
		s.srv.TLSConfig = s.tls
	}
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener = &countedListener{Listener: bare}
	var l net.Listener = s.listener
	if mode == TLS {
		l = tls.NewListener(l, s.tls)
	}
	if mode == Plain {
		s.srv.AllowInsecureAuth = true
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.srv.Serve(l)
	}()
	t.Cleanup(func() {
		s.down()
		<-done
	})
	return s
}

func (s *server) config(mode TLSMode) Config {
	return Config{
		Host: "127.0.0.1", Port: s.listener.Addr().(*net.TCPAddr).Port, TLS: mode, From: "Latchkey <login@example.com>",
		RootCAs: s.roots, Now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) },
	}
}

func (s *server) received() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sent(nil), s.mails...)
}

// down cuts every connection and waits until nobody talks any more. The library's own Close would meet those who do.
func (s *server) down() {
	_ = s.listener.Close()
	s.listener.drop()
	s.mu.Lock()
	if s.hang != nil {
		select {
		case <-s.hang:
		default:
			close(s.hang)
		}
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.srv.Shutdown(ctx)
}

// countedListener remembers its connections, so that a test can count and cut them.
type countedListener struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

func (l *countedListener) accepted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

func (l *countedListener) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
}

// A session is one connection's talk. It quotes what it was told in every refusal, as servers do.
type session struct {
	s  *server
	in sent
}

func (x *session) Reset()        { x.in = sent{} }
func (x *session) Logout() error { return nil }

func (x *session) Mail(from string, _ *gosmtp.MailOptions) error {
	x.in.from = from
	return nil
}

func (x *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	switch {
	case x.s.noInput:
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "log in first"}
	case x.s.busy:
		return &gosmtp.SMTPError{Code: 451, EnhancedCode: gosmtp.EnhancedCode{4, 7, 1}, Message: "<" + to + "> greylisted"}
	case strings.HasPrefix(to, "nobody@"):
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "<" + to + "> does not live here"}
	}
	x.in.to = to
	return nil
}

func (x *session) Data(r io.Reader) error {
	if x.s.discard {
		_, err := io.Copy(io.Discard, r)
		x.s.count.Add(1)
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	x.s.mu.Lock()
	hang := x.s.hang
	x.s.mu.Unlock()
	if hang != nil {
		<-hang
		return errors.New("too late")
	}
	if strings.HasPrefix(x.in.to, "spam@") {
		return &gosmtp.SMTPError{Code: 554, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: fmt.Sprintf("spam for %s: %q", x.in.to, data)}
	}
	x.in.data = data
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.mails = append(x.s.mails, x.in)
	return nil
}

// An authSession also takes AUTH PLAIN with user and pass.
func (x *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if user != "user" || pass != "pass" {
			return &gosmtp.SMTPError{Code: 535, EnhancedCode: gosmtp.EnhancedCode{5, 7, 8}, Message: "wrong password for " + user}
		}
		x.s.mu.Lock()
		defer x.s.mu.Unlock()
		x.s.logins++
		return nil
	}), nil
}

// certificate makes a certificate of 127.0.0.1, and the pool that trusts it.
func certificate(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func open(t testing.TB, cfg Config) *Sender {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func email(value string) latchkey.Address { return latchkey.CanonicalAddress(latchkey.Email, value) }

// header gives the raw headers of a mail, and body the rest.
func (m sent) header() []byte {
	h, _, _ := bytes.Cut(m.data, []byte("\r\n\r\n"))
	return h
}
