package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/latchkey-dev/latchkey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/cached"
	"github.com/latchkey-dev/latchkey/internal/catalog"
	"github.com/latchkey-dev/latchkey/internal/httpapi"
	"github.com/latchkey-dev/latchkey/internal/jose"
	"github.com/latchkey-dev/latchkey/internal/login"
	"github.com/latchkey-dev/latchkey/internal/oidc"
	"github.com/latchkey-dev/latchkey/internal/pages"
	"github.com/latchkey-dev/latchkey/internal/polls"
	"github.com/latchkey-dev/latchkey/internal/session"
	"github.com/latchkey-dev/latchkey/internal/telemetry"
	"github.com/latchkey-dev/latchkey/internal/token"
	"github.com/latchkey-dev/latchkey/internal/worker"
)

// hold is how long a poll is held (contract.md §4).
const hold = 20 * time.Second

// outboxSize is how many fresh messages may wait in memory for a sender; the rest waits in the store.
const outboxSize = 1024

// A house is what the server is built from; dev and serve each fill it in. Every field of the first group must be set.
type house struct {
	store     latchkey.Store // closed by server.run
	bell      latchkey.Bell
	secrets   latchkey.Secrets
	senders   map[latchkey.Channel][]latchkey.Sender // closed by server.run
	publicURL string
	log       *slog.Logger
	now       func() time.Time
	drain     time.Duration // between not being ready any more and the shutdown
	shutdown  time.Duration
	polls     pollLimits
	limits    limiterChoice // without a table: no limits
	captcha   captchaChoice
	block     blockFiles
	checkMX   bool
	noTests   bool

	tendHeap bool // false where the operator set GOGC
	clientIP func(*http.Request) netip.Addr
	place    placer                                            // nil without a file of places
	metrics  net.Listener                                      // of /metrics and profiles; nil: /metrics is on the main address
	dev      func(closing <-chan struct{}) (*pages.Dev, error) // nil outside `latchkey dev`
}

// A server is the house, ready to run once.
type server struct {
	house
	main    *http.Server
	numbers *http.Server // nil without a listener of its own
	lobby   *polls.Lobby // nil where the system has none
	worker  *worker.Worker
	limiter latchkey.Limiter // closed by run; nil without limits
	refused func()           // of a connection that one network has too many of
	closing chan struct{}    // closed when the shutdown begins
}

// newServer puts the house together. It starts nothing.
func newServer(ctx context.Context, h house) (*server, error) {
	files := openFiles()
	h.polls = h.polls.resolve(files, h.log)
	texts, err := catalog.New()
	if err != nil {
		return nil, err
	}
	s := &server{house: h, closing: make(chan struct{})}
	store := cached.New(h.store, h.now)
	signer := jose.New(h.secrets)
	outbox := make(chan latchkey.Message, outboxSize)
	metrics := telemetry.New(func() int { return len(outbox) })
	s.refused = metrics.ConnectionRefused
	gate, err := s.gate(ctx, metrics)
	if err != nil {
		return nil, err
	}
	logins := &login.Service{
		Store: store, Signer: signer, Secrets: h.secrets, Bell: h.bell, Catalog: texts, Outbox: outbox,
		PublicURL: h.publicURL, Hold: hold, Closing: s.closing, Now: h.now, NoTestIdentities: h.noTests,
		SMSTripped: metrics.SMSTripped, SMSRefused: metrics.SMSRefused,
	}
	if gate != nil {
		gate.Known = knownTo(logins)
	}
	puzzles := s.captchas(store, metrics)
	places := &polls.Places{Most: h.polls.all, PerClient: h.polls.perClient, Holding: metrics.Polls, Refused: metrics.PollRefused}
	if s.lobby, err = polls.NewLobby(); err != nil {
		return nil, err
	}
	api := &httpapi.Server{
		Login:    logins,
		Tokens:   &token.Service{Store: store, Signer: signer, Secrets: h.secrets, PublicURL: h.publicURL, Now: h.now},
		Accounts: &account.Service{Store: store, Signer: signer, PublicURL: h.publicURL, Now: h.now},
		Sessions: &session.Service{Store: store, Secrets: h.secrets, Now: h.now},
		Store:    readiness{store, s.closing}, Log: h.log,
		Observe: metrics.Request, Verdict: metrics.Login, Gate: gate, Captcha: puzzles, Polls: places, Lobby: s.lobby, ClientIP: h.clientIP,
	}
	standard := &oidc.Server{
		Login: logins, Tokens: api.Tokens, Accounts: api.Accounts, Store: store,
		Sessions: api.Sessions, Secrets: h.secrets, Catalog: texts,
		PublicURL: h.publicURL, Log: h.log, Now: h.now,
		ClientIP: h.clientIP, Observe: metrics.Request, Place: h.place, Gate: gate, Captcha: puzzles, Polls: places, Lobby: s.lobby,
	}
	web := &pages.Server{
		Login: logins, Catalog: texts, PublicURL: h.publicURL, Log: h.log, Now: h.now, ClientIP: h.clientIP,
		Observe: metrics.Request, Place: h.place, Gate: gate,
	}
	s.worker = &worker.Worker{
		Store: store, Catalog: texts, Secrets: h.secrets, Senders: h.senders, PublicURL: h.publicURL, In: outbox,
		Now: h.now, Log: h.log, Sent: metrics.Message,
	}
	mux, err := s.mux(api, standard, web)
	if err != nil {
		return nil, err
	}
	if h.metrics == nil {
		mux.Handle("GET /metrics", metrics.Handler())
	} else {
		s.numbers = s.httpServer(numbersMux(metrics.Handler()))
	}
	s.main = s.httpServer(api.Before(httpapi.SingleSlashes(mux)))
	crowd := newCrowd(s.main, s.lobby, files)
	if s.lobby != nil {
		s.lobby.Server, s.lobby.Closing, s.lobby.Now, s.lobby.Holds = s.main, s.closing, h.now, crowd.add
	}
	return s, nil
}

// numbersMux is what the listener for numbers alone serves: the metrics, and Go's profiles of CPU, heap and goroutines. Of
// net/http/pprof's pages cmdline is left out: secrets may stand among the flags.
func numbersMux(metrics http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	for _, name := range []string{"heap", "allocs", "goroutine"} {
		mux.Handle("GET /debug/pprof/"+name, pprof.Handler(name))
	}
	return mux
}

// mux is the map of the ways in.
func (s *server) mux(api *httpapi.Server, standard *oidc.Server, web *pages.Server) (*http.ServeMux, error) {
	mux := http.NewServeMux()
	mux.Handle("/", api.Handler()) // /api/, /openapi.yaml, /healthz, /readyz, and the 404 of everything else
	mux.Handle("/p/", standard.Handler())
	mux.Handle("/.well-known/", standard.Handler())
	page, err := web.Handler()
	if err != nil {
		return nil, err
	}
	mux.Handle("/l/", page)
	mux.Handle("/static/", page)
	for _, bare := range []string{"/p", "/.well-known", "/l", "/static"} { // which the mux would lead on by a 307
		mux.Handle(bare, api.Handler())
	}
	if s.dev == nil {
		return mux, nil
	}
	d, err := s.dev(s.closing)
	if err != nil {
		return nil, err
	}
	dev, err := d.Handler()
	if err != nil {
		return nil, err
	}
	for _, pattern := range []string{"/{$}", "/demo", "/demo/", "/dev/"} {
		mux.Handle(pattern, dev)
	}
	return mux, nil
}

// httpServer sets the limits of design.md §8. The write timeout is far above the held poll, which waits on this side.
func (s *server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           endChunked(h),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // scanners and their broken handshakes
	}
}

// readiness answers for /readyz: not any more once the shutdown has begun.
type readiness struct {
	*cached.Store
	closing <-chan struct{}
}

// Ping implements httpapi.Settings.
func (r readiness) Ping(ctx context.Context) error {
	select {
	case <-r.closing:
		return &latchkey.Error{Code: latchkey.Unavailable, Message: "shutting down"}
	default:
		return r.Store.Ping(ctx)
	}
}

// run serves on main until ctx ends or something breaks, and then shuts down in order: not ready any more, and held polls
// answered; after a while in which proxies find that out, no new connections, and requests finished; messages in flight sent and settled; providers and store closed.
func (s *server) run(ctx context.Context, listener net.Listener) (err error) {
	defer func() { err = errors.Join(err, s.close()) }()
	working, stopWorker := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorker()
	if err := leaveStartup(); err != nil {
		s.log.Debug("what the start needed stays mapped", "err", err)
	}
	g, serving := errgroup.WithContext(ctx)
	g.Go(func() error { return served(s.main.Serve(listener)) })
	lobbying, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	if s.lobby != nil {
		g.Go(func() error { return s.lobby.Run(lobbying) })
		g.Go(func() error { return served(s.main.Serve(s.lobby)) })
	}
	if s.numbers != nil {
		g.Go(func() error { return served(s.numbers.Serve(s.metrics)) })
	}
	g.Go(func() error { return s.worker.Run(working) })
	if len(s.block) > 0 {
		tick := time.NewTicker(look)
		defer tick.Stop()
		g.Go(func() error { return s.block.run(serving, tick.C, s.log) })
	}
	if s.tendHeap {
		g.Go(func() error { return tendHeap(serving) })
	}
	g.Go(func() error {
		<-serving.Done()
		s.log.Info("shutting down")
		close(s.closing)
		if ctx.Err() != nil { // nothing broke: whoever still comes is served
			<-time.After(s.drain)
		}
		defer stopWorker() // last: what the final requests put into the outbox goes out too
		// Half the time for requests, so that as much is left for sends in flight.
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.shutdown/2)
		defer cancel()
		if err := s.main.Shutdown(wait); err != nil {
			s.log.Warn("requests cut off", "err", err)
			s.main.Close()
		}
		s.lobby.Wait(wait)
		cutOff()
		if s.numbers != nil {
			s.numbers.Close()
		}
		return nil
	})
	return g.Wait()
}

func (s *server) close() error {
	var errs []error
	closed := map[latchkey.Sender]bool{} // one may serve both channels
	for _, senders := range s.senders {
		for _, sender := range senders {
			if !closed[sender] {
				closed[sender] = true
				errs = append(errs, sender.Close())
			}
		}
	}
	if s.limiter != nil {
		errs = append(errs, s.limiter.Close())
	}
	return errors.Join(append(errs, s.store.Close())...)
}

// served is what a listener ended with, unless it was told to end.
func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listen opens an address, or says what to do if it cannot be had.
func listen(addr, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		return l, nil
	}
	if portTaken(err) {
		return nil, fmt.Errorf("%s is in use, perhaps by another latchkey: stop that program, or choose another port with %s (port 0 takes any free one)", addr, flag)
	}
	return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
}
