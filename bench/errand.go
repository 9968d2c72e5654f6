package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// An errand is one thing that every hall does at the same time. The first process writes its name to a hall's standard
// input, one JSON text, and reads a reply from its standard output.
type errand string

const (
	errandStart   errand = "start"   // make the challenges and read their mails: started
	errandHold    errand = "hold"    // open the polls: holding
	errandRest    errand = "rest"    // watch the server do nothing else: rested
	errandApprove errand = "approve" // press links: approvals
	errandLogins  errand = "logins"  // complete logins beside the polls: guests
	errandStop    errand = "stop"    // stop the server: stopped
)

// A reply is an error or a result.
type reply struct {
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// serveHall is the process of one hall. It ends when nobody has an errand for it any more.
func serveHall(ctx context.Context, o options, in io.Reader, out io.Writer) (err error) {
	h, err := openHall(ctx, o)
	replies := json.NewEncoder(out)
	if err != nil {
		return errors.Join(err, replies.Encode(reply{Error: err.Error()}))
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := replies.Encode(reply{}); err != nil {
		return err
	}
	errands := json.NewDecoder(in)
	for {
		var e errand
		if err := errands.Decode(&e); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := replies.Encode(h.reply(ctx, e)); err != nil {
			return err
		}
	}
}

func (h *hall) reply(ctx context.Context, e errand) reply {
	result, err := h.run(ctx, e)
	if err == nil {
		err = h.verdict()
	}
	if err != nil {
		return reply{Error: err.Error() + h.server.lastWords()}
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return reply{Error: err.Error()}
	}
	return reply{Result: raw}
}

func (h *hall) run(ctx context.Context, e errand) (any, error) {
	switch e {
	case errandStart:
		return h.start(ctx)
	case errandHold:
		return h.hold(ctx)
	case errandRest:
		return h.rest(ctx)
	case errandApprove:
		return h.approve(ctx)
	case errandLogins:
		return h.logins(ctx)
	case errandStop:
		return h.stop()
	}
	return nil, fmt.Errorf("no such errand: %q", e)
}

// A porter is a hall's process as the first one sees it.
type porter struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// openHalls starts one process for every server, with its share of the polls.
func openHalls(ctx context.Context, o options, binary string) (_ []*porter, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var halls []*porter
	for i := range o.Servers {
		first, next := o.Polls*i/o.Servers, o.Polls*(i+1)/o.Servers
		p := &porter{cmd: exec.CommandContext(ctx, self, "-hall", "-binary", binary, "-dir", o.Dir, "-alg", o.Alg,
			"-for", o.For.String(), "-polls", fmt.Sprint(next-first), "-first", fmt.Sprint(first), "-files", fmt.Sprint(o.Files),
			fmt.Sprintf("-profile=%v", o.Profile), fmt.Sprintf("-tls=%v", o.TLS))}
		p.cmd.Stderr = os.Stderr
		p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) } // so that it stops its server
		p.cmd.WaitDelay = 2 * callTimeout
		if p.in, err = p.cmd.StdinPipe(); err == nil {
			var out io.Reader
			if out, err = p.cmd.StdoutPipe(); err == nil {
				p.out = json.NewDecoder(out)
				err = p.cmd.Start()
			}
		}
		if err != nil {
			return nil, errors.Join(err, closeHalls(halls))
		}
		halls = append(halls, p)
	}
	for _, p := range halls {
		if _, err := p.reply(); err != nil {
			return nil, errors.Join(err, closeHalls(halls))
		}
	}
	return halls, nil
}

// closeHalls lets every hall's process end, with its server, and waits for it.
func closeHalls(halls []*porter) error {
	for _, p := range halls {
		p.in.Close()
	}
	var errs []error
	for _, p := range halls {
		errs = append(errs, p.cmd.Wait())
	}
	return errors.Join(errs...)
}

func (p *porter) reply() (json.RawMessage, error) {
	var r reply
	if err := p.out.Decode(&r); err != nil {
		return nil, fmt.Errorf("a process of the bench ended: %w", err)
	}
	if r.Error != "" {
		return nil, errors.New(r.Error)
	}
	return r.Result, nil
}

// send has every hall do an errand and gives all results, or the first error.
func send[T any](halls []*porter, e errand) ([]T, error) {
	results, errs := make([]T, len(halls)), make([]error, len(halls))
	var all sync.WaitGroup
	for i, p := range halls {
		all.Go(func() {
			errs[i] = json.NewEncoder(p.in).Encode(e)
			if errs[i] == nil {
				var raw json.RawMessage
				if raw, errs[i] = p.reply(); errs[i] == nil {
					errs[i] = json.Unmarshal(raw, &results[i])
				}
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e, err)
		}
	}
	return results, nil
}
