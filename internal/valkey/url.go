package valkey

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// settings are what the URL says.
type settings struct {
	addrs    []string // of the server; of a cluster, the nodes that are asked for the others
	user     string   // default unless the URL has one
	password string   // empty: none is asked for
	database int
	tls      *tls.Config   // nil: plain text
	prefix   string        // of every key
	timeout  time.Duration // of a Take: a login waits for it
}

// parse reads
//
//	valkey://user:password@host:6379/0?prefix=latchkey:&timeout=200ms&addr=host2:6379
//	valkeys://…?ca=FILE
//
// redis:// and rediss:// are the same; the s stands for TLS. The port is 6379 if none is given, the database 0, the prefix
// of keys latchkey:, the timeout 200 ms. addr, repeatable, is another node of the same cluster, to be tried when the first is
// down. ca is a file of certificates in PEM that sign the server's; without it the system's are believed.
//
// Errors never quote the URL: there is a password in it.
func parse(raw string) (s settings, err error) {
	u, err := url.Parse(raw)
	if err != nil {
		return s, errors.New("it is not a URL; special characters in user names and passwords are percent-encoded")
	}
	secure := u.Scheme == "valkeys" || u.Scheme == "rediss"
	if !secure && u.Scheme != "valkey" && u.Scheme != "redis" {
		return s, errors.New("it begins with valkey:// or valkeys://, redis:// or rediss://")
	}
	if u.Fragment != "" || strings.HasSuffix(raw, "#") { // a password that ends there would have its beginning taken for a port
		return s, errors.New("there is a # in it: special characters in passwords are percent-encoded")
	}
	if u.Hostname() == "" {
		return s, errors.New("it has no host: valkey://host:6379")
	}
	q, err := options(u.RawQuery)
	if err != nil {
		return s, err
	}
	if s.prefix = q.Get("prefix"); len(s.prefix) > 50 {
		return s, errors.New("its prefix has more than 50 bytes")
	}
	if s.timeout, err = time.ParseDuration(q.Get("timeout")); err != nil || s.timeout < 10*time.Millisecond || s.timeout > time.Minute {
		return s, errors.New("its timeout is a time from 10ms to 1m")
	}
	if s.addrs, err = addresses(u, q["addr"]); err != nil {
		return s, err
	}
	if s.database, err = database(u.Path); err != nil {
		return s, err
	}
	s.password, _ = u.User.Password()
	if s.user = u.User.Username(); s.user != "" && s.password == "" { // nobody would be told that it says nothing
		return s, errors.New("it has a user and no password: valkey://USER:PASSWORD@host, or valkey://:PASSWORD@host without a user")
	}
	if s.user == "" {
		s.user = "default"
	}
	s.tls, err = security(secure, u.Hostname(), q.Get("ca"))
	return s, err
}

// options gives the query with its defaults, if every part of it is known.
func options(query string) (url.Values, error) {
	given, err := url.ParseQuery(query)
	if err != nil {
		return nil, errors.New("its query is malformed")
	}
	q := url.Values{"prefix": {"latchkey:"}, "timeout": {"200ms"}, "addr": nil, "ca": nil}
	for name, values := range given {
		_, known := q[name]
		switch {
		case !known && strings.Contains(query, "@"): // what was meant for a password is not quoted
			return nil, errors.New("there is an @ behind its ?: special characters in passwords are percent-encoded")
		case !known:
			return nil, fmt.Errorf("it has no option %q: there are addr, ca, prefix, timeout", name)
		}
		q[name] = values
	}
	return q, nil
}

func addresses(u *url.URL, more []string) ([]string, error) {
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	all := []string{net.JoinHostPort(u.Hostname(), port)}
	for _, a := range more {
		if host, port, err := net.SplitHostPort(a); err != nil || host == "" || port == "" {
			return nil, errors.New("addr is HOST:PORT")
		}
		all = append(all, a)
	}
	for _, a := range all {
		_, port, _ := net.SplitHostPort(a)
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, errors.New("a port is a number from 1 to 65535")
		}
	}
	return all, nil
}

func database(path string) (int, error) {
	text := strings.TrimPrefix(path, "/")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1_000_000 {
		return 0, errors.New("its path is the number of a database, such as /0")
	}
	return n, nil
}

// security gives how to speak to the server: nil for plain text. The name in the URL stands in the certificate of every
// node, also of one that the cluster knows by its address.
func security(secure bool, host, ca string) (*tls.Config, error) {
	if !secure {
		if ca != "" {
			return nil, errors.New("ca is for valkeys:// and rediss://")
		}
		return nil, nil
	}
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if ca == "" {
		return c, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("ca cannot be read: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("ca holds no certificate in PEM")
	}
	return c, nil
}
