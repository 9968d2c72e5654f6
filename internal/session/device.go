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
	code, ok := latchkey.CanonicalUserCode(typed)
	if !ok {
		return Waiting{}, latchkey.NotFound
	}
	for _, h := range s.Secrets.UserCodeHashes(p, code) {
		d, err := s.Store.DeviceLogin(ctx, h)
		if latchkey.CodeOf(err) == latchkey.NotFound {
			continue
		}
		if err != nil {
			return Waiting{}, err
		}
		if d.Project != p || !d.Live(s.Now().UTC()) {
			break
		}
		c, err := s.Store.Client(ctx, d.Client)
		return Waiting{d, c, code}, err
	}
	return Waiting{}, latchkey.NotFound
}

// A PressRequest is the press of a button on the page of a device.
type PressRequest struct {
	Project latchkey.ProjectID
	Cookie  latchkey.Secret // of the session
	Code    string          // the user code as it was typed
	Approve bool            // false: deny
	From    latchkey.Origin
}

// PressDevice lets the device in that shows the user code, as the person whose session the cookie holds, or sends it away.
// Errors: NotFound when it is not waiting any more; LoginRequired.
func (s *Service) PressDevice(ctx context.Context, r PressRequest) error {
	found, err := s.Device(ctx, r.Project, r.Code)
	if err != nil {
		return err
	}
	id, _ := s.Secrets.ParseSessionToken(r.Cookie) // zero: nobody's session
	out, err := s.Store.PressDeviceLogin(ctx, latchkey.DevicePress{
		UserCode: found.Device.UserCode, Project: r.Project, Approve: r.Approve, Session: id, From: r.From,
	}, s.Now().UTC())
	if err != nil {
		return err
	}
	return out.Verdict
}
