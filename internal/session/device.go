package session

import (
	"context"

	"github.com/latchkey-dev/latchkey"
)

// Waiting is a device that waits for its person (RFC 8628).
type Waiting struct {
	Device latchkey.DeviceLogin
	Client latchkey.Client
	Code   latchkey.Secret // the user code, canonical
}

// Device gives the device that shows a user code, for the page that asks whether it is the person's. It changes nothing.
// Errors: NotFound for a code that no device of the project waits with.
func (s *Service) Device(ctx context.Context, p latchkey.ProjectID, typed string) (Waiting, error) {
	d, code, err := s.findDevice(ctx, p, typed)
	if err != nil {
		return Waiting{}, err
	}
	if !d.Live(s.Now().UTC()) {
		return Waiting{}, latchkey.NotFound
	}
	c, err := s.Store.Client(ctx, d.Client)
	return Waiting{d, c, code}, err
}

// findDevice gives the device of a user code, whatever became of it. Errors: NotFound.
func (s *Service) findDevice(ctx context.Context, p latchkey.ProjectID, typed string) (latchkey.DeviceLogin, latchkey.Secret, error) {
	code, ok := latchkey.CanonicalUserCode(typed)
	if !ok {
		return latchkey.DeviceLogin{}, "", latchkey.NotFound
	}
	for _, h := range s.Secrets.UserCodeHashes(p, code) {
		d, err := s.Store.DeviceLogin(ctx, h)
		if latchkey.CodeOf(err) == latchkey.NotFound {
			continue
		}
		if err == nil && d.Project != p {
			err = latchkey.NotFound
		}
		return d, code, err
	}
	return latchkey.DeviceLogin{}, "", latchkey.NotFound
}

// A PressRequest is the press of a button on the page of a device.
type PressRequest struct {
	Project latchkey.ProjectID
	Cookie  latchkey.Secret // of the session
	Code    string          // the user code as it was typed
	Approve bool            // false: deny
	From    latchkey.Origin
}

// PressDevice lets the device in that shows the user code, as the person whose session the cookie holds, or sends it away. To
// press again what was pressed is no error: people press twice.
// Errors: NotFound when it is not waiting any more; LoginRequired.
func (s *Service) PressDevice(ctx context.Context, r PressRequest) error {
	d, _, err := s.findDevice(ctx, r.Project, r.Code)
	if err != nil {
		return err
	}
	if !d.Live(s.Now().UTC()) {
		return s.pressedBefore(ctx, r, d)
	}
	id, _ := s.Secrets.ParseSessionToken(r.Cookie) // zero: nobody's session
	out, err := s.Store.PressDeviceLogin(ctx, latchkey.DevicePress{
		UserCode: d.UserCode, Project: r.Project, Approve: r.Approve, Session: id, From: r.From,
	}, s.Now().UTC())
	switch {
	case err != nil:
		return err
	case latchkey.CodeOf(out.Verdict) == latchkey.NotFound: // the other press came first
		return s.pressedBefore(ctx, r, out.Device)
	}
	return out.Verdict
}

// pressedBefore reports nothing if what is pressed is what became of d: a no, or a yes of the same person.
// Errors: NotFound, LoginRequired.
func (s *Service) pressedBefore(ctx context.Context, r PressRequest, d latchkey.DeviceLogin) error {
	in, err := s.Who(ctx, r.Project, r.Cookie)
	if err != nil {
		return err
	}
	mine := d.User == in.User.ID && s.Now().Before(d.Expires) && (d.State == latchkey.Approved || d.State == latchkey.Spent)
	if r.Approve && mine || !r.Approve && d.State == latchkey.Denied {
		return nil
	}
	return latchkey.NotFound
}
