package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// A floor is what this machine does at best, measured in the same run: figures of two machines, or of a busy and an
// idle one, compare only as ratios to it.
type floor struct {
	Requests  float64       `json:"bare_requests_per_second"` // a bare net/http JSON server under the same generator
	Before    float64       `json:"bare_before"`              // Requests is the mean of before and after the logins
	After     float64       `json:"bare_after"`
	Latency   spread        `json:"bare_request"`
	Flush     time.Duration `json:"flush_ns"`     // one durable write of 4 KiB at the end of a file
	Signature time.Duration `json:"signature_ns"` // CPU of one signature of the run's algorithm, alone on its core
	Crowded   time.Duration `json:"crowded_ns"`   // the same while every core signs, as in a run: they slow each other down
}

func measureFloor(ctx context.Context, o options) (f floor, err error) {
	if f.Signature, f.Crowded, err = timeSignature(o.Alg); err != nil {
		return f, err
	}
	if f.Flush, err = timeFlush(o.Dir); err != nil {
		return f, err
	}
	f.Before, f.Latency, err = timeBareServer(ctx, o)
	f.Requests = f.Before
	return f, err
}

// again measures the bare server a second time, so that a machine that was busy with something else shows.
func (f *floor) again(ctx context.Context, o options) (err error) {
	f.After, _, err = timeBareServer(ctx, o)
	f.Requests = (f.Before + f.After) / 2
	return err
}

// unsteady reports that the machine was not the same before and after: the figures between mean little.
func (f floor) unsteady() bool {
	return f.After > 0 && (f.Before > 1.15*f.After || f.After > 1.15*f.Before)
}

// serveFloor is the bare server: it decodes a start call and answers as one would. It prints its address and serves
// until ctx ends.
func serveFloor(ctx context.Context, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/login/email/request", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Email string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", jsonType)
		_ = json.NewEncoder(w).Encode(map[string]string{"operation_id": in.Email}) // a client that went away
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: callTimeout}
	context.AfterFunc(ctx, func() { s.Close() })
	fmt.Fprintln(out, l.Addr())
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// timeBareServer starts the bare server in a process of its own, as the real one is, and asks it with as many workers.
func timeBareServer(ctx context.Context, o options) (float64, spread, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, spread{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-serve-floor")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, spread{}, err
	}
	if err := cmd.Start(); err != nil {
		return 0, spread{}, err
	}
	defer func() { cancel(); _ = cmd.Wait() }() // killed, so it fails
	host, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return 0, spread{}, fmt.Errorf("the bare server did not start: %w", err)
	}
	return askBareServer(host[:len(host)-1], o)
}

func askBareServer(host string, o options) (float64, spread, error) {
	crew := make([]*worker, o.Workers)
	for i := range crew {
		c, err := dial(host)
		if err != nil {
			return 0, spread{}, err
		}
		defer c.Close()
		crew[i] = &worker{client: c}
	}
	const path = "/api/login/email/request?projectId=00000000-0000-4000-8000-000000000001"
	began := time.Now()
	end := began.Add(o.Floor / 2)
	err := each(crew, func(w *worker) error {
		var answer struct {
			Operation string `json:"operation_id"`
		}
		for now := began; now.Before(end); {
			w.count++
			body := fmt.Appendf(nil, `{"email":"floor-%d@bench.example.com"}`, w.count)
			if err := w.call(path, jsonType, body, &answer); err != nil {
				return err
			}
			then := time.Now()
			w.samples = append(w.samples, sample{start: then.Sub(now)})
			now = then
		}
		return nil
	})
	var ds []time.Duration
	for _, w := range crew {
		for _, x := range w.samples {
			ds = append(ds, x.start)
		}
	}
	return float64(len(ds)) / time.Since(began).Seconds(), spreadOf(ds), err
}

// timeFlush appends and flushes for half a second on the disk that the database will be on.
func timeFlush(dir string) (time.Duration, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	path := filepath.Join(dir, "flush")
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer os.Remove(path)
	defer f.Close()
	block := make([]byte, 4096)
	return timeOne(func() error {
		if _, err := f.Write(block); err != nil {
			return err
		}
		return f.Sync()
	})
}

// timeSignature signs 32 bytes again and again with a key of the size that projects have: alone, and on every core at once.
func timeSignature(alg string) (alone, crowded time.Duration, err error) {
	sign, err := signature(alg)
	if err != nil {
		return 0, 0, err
	}
	if alone, err = timeCPU(1, sign); err != nil {
		return 0, 0, err
	}
	crowded, err = timeCPU(runtime.NumCPU(), sign)
	return alone, crowded, err
}

// signature gives what makes one. It may be called by several at once.
func signature(alg string) (func() error, error) {
	digest := sha256.Sum256([]byte("what is signed has no influence on the time"))
	var key crypto.Signer
	var opts crypto.SignerOpts = crypto.SHA256
	var err error
	switch alg {
	case "HS256":
		return func() error {
			m := hmac.New(sha256.New, digest[:])
			m.Write(digest[:])
			m.Sum(nil)
			return nil
		}, nil
	case "RS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
		opts = crypto.Hash(0)
	default:
		err = fmt.Errorf("unknown algorithm %q", alg)
	}
	return func() error {
		_, err := key.Sign(rand.Reader, digest[:], opts)
		return err
	}, err
}

// timeOne repeats f for half a second and gives the mean.
func timeOne(f func() error) (time.Duration, error) {
	began := time.Now()
	n, err := repeat(f)
	return time.Since(began) / time.Duration(max(1, n)), err
}

// timeCPU is timeOne in CPU time, by so many at once: what f computes does not cost more because others want the core.
func timeCPU(hands int, f func() error) (time.Duration, error) {
	before, err := readCPU(os.Getpid())
	if err != nil {
		return 0, err
	}
	done, errs := make([]int, hands), make([]error, hands)
	var all sync.WaitGroup
	for i := range hands {
		all.Go(func() { done[i], errs[i] = repeat(f) })
	}
	all.Wait()
	after, err := readCPU(os.Getpid())
	n := 0
	for _, d := range done {
		n += d
	}
	return (after.self - before.self) / time.Duration(max(1, n)), errors.Join(append(errs, err)...)
}

// repeat calls f for half a second and counts.
func repeat(f func() error) (n int, err error) {
	for began := time.Now(); time.Since(began) < time.Second/2; n++ {
		if err := f(); err != nil {
			return n, err
		}
	}
	return n, nil
}
