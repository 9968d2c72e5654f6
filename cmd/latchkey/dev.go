package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/admin"
	"github.com/latchkey-dev/latchkey/internal/devinbox"
	"github.com/latchkey-dev/latchkey/internal/front"
	"github.com/latchkey-dev/latchkey/internal/jose"
	"github.com/latchkey-dev/latchkey/internal/memory"
	"github.com/latchkey-dev/latchkey/internal/pages"
	"github.com/latchkey-dev/latchkey/internal/sqlite"
)

// devCommand is `latchkey dev`. It reads no variable and no file: what an operator configured for serve must not reach
// it, and its demo clients, whose secrets everybody knows, must not reach an operator's database.
type devCommand struct {
	Listen            string   `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen: this machine only. Port 0 takes a free one. Default: ${default}."`
	Data              string   `default:"latchkey-data" placeholder:"DIR" help:"Folder for the database and the master secret; made if it is not there. Default: ./${default}."`
	MaxPolls          string   `default:"auto" placeholder:"N" help:"How many devices may wait for a link at once. auto: as many as the limit of open files allows, less a reserve for logins. Default: ${default}."`
	MaxPollsPerClient string   `default:"256" placeholder:"N" help:"How many of them may be of one IPv4 address or IPv6 /64. Default: ${default}."`
	GeoIP             string   `name:"geoip" placeholder:"FILE" help:"Table of places in the MaxMind DB format, for the page behind a link."`
	Captcha           string   `default:"altcha" placeholder:"PROVIDER" help:"What is solved where a project, or --limit, asks for a CAPTCHA, as serve takes it. Default: ${default}."`
	Limit             []string `sep:"none" placeholder:"NAME=LIMIT" help:"Limit calls, to see what an app makes of 429: start-client=3/1m. Without it nothing is limited. Repeatable. latchkey limits show lists the names."`

	Debug bool `help:"Log every request and every message to stderr."`
}

// Help implements kong's detail.
func (devCommand) Help() string {
	return `Starts everything with a demo project and demo clients. Messages are not sent but shown in an inbox at /dev/inbox; /demo is an app that signs in on the hosted login page, /demo/calls one that does so by the published calls. What it keeps is in the data folder: delete the folder to begin anew.

Examples:

    latchkey dev
    latchkey dev --listen 127.0.0.1:9000 --data /tmp/latchkey`
}

// Run implements the command.
func (d devCommand) Run(ctx context.Context, a *app) error {
	if !pages.Loopback(d.Listen) {
		return wrongUsage("dev listens on this machine only, such as 127.0.0.1:8080 or localhost:8080, not on %q: "+
			"its inbox shows every code, and the secrets of its demo clients are public. For others to reach it, use latchkey serve", d.Listen)
	}
	j := &judge{from: &origins{}, now: a.Now}
	polls, limits, captcha, place := j.polls(d.MaxPolls, d.MaxPollsPerClient), d.limits(j), j.captcha(d.Captcha), j.geoip(d.GeoIP)
	if err := mistakes("the flags are not right", j.problems); err != nil {
		return err
	}
	listener, err := listen(d.Listen, "--listen")
	if err != nil {
		return err
	}
	s, err := d.open(ctx, a, listener, polls, limits, captcha, place)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return s.run(ctx, listener)
}

// limits are those that --limit names and no others: everybody who tries things out here comes from one address, and most of
// them sign in with one.
func (d devCommand) limits(j *judge) limiterChoice {
	if len(d.Limit) == 0 {
		return limiterChoice{}
	}
	entries := slices.Clone(d.Limit)
	if !slices.ContainsFunc(entries, func(e string) bool { return strings.HasPrefix(e, "all=") }) {
		entries = append(entries, "all=off")
	}
	return limiterChoice{table: j.limits(entries)}
}

// open makes the server. The listener is open already, and so a request that comes before run is answered then.
func (d devCommand) open(ctx context.Context, a *app, listener net.Listener, polls pollLimits, limits limiterChoice, captcha captchaChoice, place placer) (*server, error) {
	if err := prepareFolder(d.Data); err != nil {
		return nil, err
	}
	secrets, err := devSecrets(filepath.Join(d.Data, secretFileName))
	if err != nil {
		return nil, err
	}
	store, err := sqlite.OpenServer(ctx, databaseSettings{Data: d.Data}.path())
	if err != nil {
		return nil, err
	}
	demo := newDemo(publicURL(d.Listen, listener.Addr()))
	level := slog.LevelInfo
	if d.Debug {
		level = slog.LevelDebug
	}
	inbox := devinbox.New(a.Now)
	senders := []latchkey.Sender{inbox}
	s, err := newServer(ctx, house{
		tendHeap: a.Getenv("GOGC") == "",
		store:    store, bell: &memory.Bell{}, secrets: secrets, publicURL: demo.url, now: a.Now, shutdown: 10 * time.Second, polls: polls, limits: limits, captcha: captcha, clientIP: front.Peer, place: place,
		senders: map[latchkey.Channel][]latchkey.Sender{latchkey.Email: senders, latchkey.Phone: senders},
		log:     newLog(a.Stderr, level),
		dev: func(closing <-chan struct{}) (*pages.Dev, error) {
			return &pages.Dev{
				Inbox: inbox, PublicURL: demo.url, Project: demoProject, Client: demoPublic, Callback: demo.callback(),
				Redirect: demo.redirect(), Home: demo.home(), DataFlag: d.dataFlag(), Closing: closing,
			}, nil
		},
	})
	if err == nil {
		err = demo.check(ctx, store)
	}
	signer := jose.New(secrets)
	if err == nil {
		if err = opensKeys(ctx, store, signer, a.Now()); err != nil {
			err = fmt.Errorf("%w: the master secret in %s is not the one that its database was made with; delete the folder to begin anew", err, d.Data)
		}
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	// Before the seeding: the first one makes an RSA key, which can take half a second. Until run, requests wait.
	demo.print(a.Stdout, d.Data)
	if err := demo.seed(ctx, &admin.Service{Store: store, Signer: signer, Now: a.Now}); err != nil {
		return nil, errors.Join(fmt.Errorf("the demo project in %s: %w", d.Data, err), store.Close())
	}
	return s, nil
}

// dataFlag is what other commands must be told to find this database, ready for a shell; empty where they look by themselves.
func (d devCommand) dataFlag() string {
	folder := filepath.Clean(d.Data)
	switch {
	case folder == "latchkey-data":
		return ""
	case strings.Trim(folder, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "":
		return " --data " + folder
	}
	return " --data '" + strings.ReplaceAll(folder, "'", `'\''`) + "'"
}

// publicURL is the address to show: the host as it was asked for, since callback URLs are compared byte for byte, and
// the port that is really there.
func publicURL(asked string, got net.Addr) string {
	host, _, err := net.SplitHostPort(asked)
	port := strconv.Itoa(got.(*net.TCPAddr).Port)
	if err != nil {
		host = asked
	}
	return "http://" + net.JoinHostPort(host, port)
}

// prepareFolder makes the data folder: for its owner only, and never in a commit.
func prepareFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the data folder cannot be made, choose another with --data: %w", err)
	}
	ignore := filepath.Join(dir, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(ignore, []byte("*\n"), 0o600); err != nil {
			return fmt.Errorf("the data folder cannot be written, choose another with --data: %w", err)
		}
	}
	return nil
}

// secretFileName is where dev keeps the master secret that it made.
const secretFileName = "master.secret"

// devSecrets reads the master secret that an earlier run made, or makes one.
func devSecrets(file string) (latchkey.Secrets, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case err == nil:
		_, err = io.WriteString(f, newMasterSecret()+"\n")
		if err = errors.Join(err, f.Close()); err != nil {
			return latchkey.Secrets{}, errors.Join(err, os.Remove(file))
		}
	case !errors.Is(err, fs.ErrExist):
		return latchkey.Secrets{}, err
	}
	secrets, problems := readSecrets(nil, []string{file}, &origins{})
	return secrets, mistakes("the master secret of latchkey dev is broken; delete the folder to begin anew", problems)
}

// newMasterSecret is 256 random bits in hexadecimal.
func newMasterSecret() string {
	b := make([]byte, latchkey.MinMasterSecret)
	rand.Read(b) // never fails: the process dies without entropy
	return hex.EncodeToString(b)
}

// newLog gives the log: one JSON object per line.
func newLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
