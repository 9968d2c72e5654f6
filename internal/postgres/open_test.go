package postgres

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/pgtest"
)

// TestOpenSaysWhatIsWrong: in a sentence an operator can act on, without the password; and Unavailable only where trying again
// may help.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	port, err := pgtest.FreePort()
	must(t, err)
	sql := func(url, text string) {
		server.SQL(t, url[strings.LastIndex(url, "/")+1:strings.Index(url, "?")], text)
	}
	all, err := migrationNames()
	must(t, err)
	for name, c := range map[string]struct {
		url  func() string
		want string
		code latchkey.Code
	}{
		"nobody there": {func() string { return fmt.Sprintf("postgres://ann:hunter2@127.0.0.1:%d/x", port) },
			"the database at 127.0.0.1 cannot be reached", latchkey.Unavailable},
		"no such host":     {func() string { return "postgres://ann:hunter2@db.invalid/x" }, "the database at db.invalid cannot be reached", latchkey.Unavailable},
		"no such database": {func() string { return server.URL("nothing") }, "the database does not exist", latchkey.Internal},
		"an empty one":     {func() string { return emptyDatabase(t) }, "the database is not a Latchkey database yet: run latchkey migrate", latchkey.Internal},
		"a newer one": {func() string {
			url := newDatabase(t)
			sql(url, "UPDATE latchkey SET schema = 9999")
			t.Cleanup(func() { sql(url, fmt.Sprintf("UPDATE latchkey SET schema = %d", len(all))) })
			return url
		}, fmt.Sprintf("the database schema 9999 is newer than this program knows (%d): use a newer latchkey", len(all)), latchkey.Internal},
		"no URL at all": {func() string { return "hunter2 is the password" }, "the database URL cannot be read", latchkey.Internal},
		"a bad port":    {func() string { return "postgres://ann:hunter2@127.0.0.1:no/x" }, "the database URL cannot be read", latchkey.Internal},
		"no such certificate": {func() string {
			return "postgres://ann:hunter2@127.0.0.1/x?sslmode=verify-full&sslrootcert=/nowhere/ca.pem"
		},
			"the database URL: open /nowhere/ca.pem", latchkey.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.Context(), Options{URL: c.url()})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), c.want) || latchkey.CodeOf(err) != c.code {
				t.Errorf("%q (%s), want %q (%s)", err, latchkey.CodeOf(err), c.want, c.code)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// TestOlderSchemaIsRefused: a program that was upgraded before its database.
func TestOlderSchemaIsRefused(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	s := openAt(t, url)
	defer s.Close()
	_, err := s.pool.Exec(t.Context(), "UPDATE latchkey SET schema = schema - 1")
	must(t, err)
	defer func() {
		_, err := s.pool.Exec(context.WithoutCancel(t.Context()), "UPDATE latchkey SET schema = schema + 1")
		must(t, err)
	}()
	if _, err := Open(t.Context(), Options{URL: url}); err == nil || !strings.Contains(err.Error(), "latchkey migrate") {
		t.Errorf("an older schema: %v, want a word of latchkey migrate", err)
	}
}

// TestMigrate: what is pending is applied once, by whoever comes first, and is not pending any more.
func TestMigrate(t *testing.T) {
	t.Parallel()
	url := emptyDatabase(t)
	all, err := migrationNames()
	must(t, err)
	pending, err := Pending(t.Context(), url)
	must(t, err)
	if fmt.Sprint(pending) != fmt.Sprint(all) {
		t.Errorf("pending in an empty database: %v, want %v", pending, all)
	}
	applied := make([][]string, 4)
	together(len(applied), func(i int) {
		var err error
		if applied[i], err = Migrate(t.Context(), url); err != nil {
			t.Errorf("Migrate: %v", err)
		}
	})
	n := 0
	for _, names := range applied {
		n += len(names)
	}
	if n != len(all) {
		t.Errorf("four at once applied %v, want each of %v once", applied, all)
	}
	if pending, err = Pending(t.Context(), url); err != nil || len(pending) != 0 {
		t.Errorf("pending afterwards: %v, %v", pending, err)
	}
	must(t, openAt(t, url).Close())
}

// TestMigrateLeavesOthersAlone: a database of another program that has a table of the same name.
func TestMigrateLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	url := emptyDatabase(t)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	pgtest.Shared(t).SQL(t, name, "CREATE TABLE users (login text)")
	if _, err := Migrate(t.Context(), url); err == nil || !strings.Contains(err.Error(), "belongs to another program") {
		t.Errorf("Migrate: %v, want that it belongs to another program", err)
	}
	if got := pgtest.Shared(t).SQL(t, name, "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'"); got != "users" {
		t.Errorf("a migration that failed left the tables %s", got)
	}
}

// TestCommitsAreOnTheDisk: a server that is set to answer before a commit is on its disk is told otherwise, for what a verb
// answered must survive a power cut.
func TestCommitsAreOnTheDisk(t *testing.T) {
	t.Parallel()
	s, _, _ := openOn(t, pgtest.Start(t, "-c", "synchronous_commit=off"))
	var how string
	must(t, s.pool.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&how))
	if how != "on" {
		t.Errorf("synchronous_commit is %s", how)
	}
}

// TestTLS: the server is who the certificate authority says it is, or there is no connection.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate(t, dir, "ca")
	certificate(t, dir, "stranger")
	server := pgtest.Start(t, "-c", "ssl=on", "-c", "ssl_cert_file="+filepath.Join(dir, "ca.pem"), "-c", "ssl_key_file="+filepath.Join(dir, "ca.key"))
	server.SQL(t, "postgres", "CREATE DATABASE latchkey")
	at := func(ca string) string {
		return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/latchkey?sslmode=verify-full&sslrootcert=%s", server.Port, url.QueryEscape(filepath.Join(dir, ca+".pem")))
	}
	s, err := Open(t.Context(), Options{URL: at("ca"), Migrate: true})
	must(t, err)
	var encrypted bool
	must(t, s.pool.QueryRow(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted))
	must(t, s.Close())
	if !encrypted {
		t.Error("the connection is not encrypted")
	}
	if _, err := Open(t.Context(), Options{URL: at("stranger")}); latchkey.CodeOf(err) != latchkey.Unavailable {
		t.Errorf("a server that another authority vouches for: %v, want Unavailable", err)
	}
}

// certificate makes a certificate for 127.0.0.1 that vouches for itself, with its key, readable by the server.
func certificate(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	path := filepath.Join(dir, name+".key")
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	must(t, pgtest.Own(path))
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		must(t, os.Chmod(d, 0o755)) // or a server that runs as somebody else does not get there
	}
}
