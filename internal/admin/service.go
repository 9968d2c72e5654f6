// Package admin is the use case of the operator: projects, clients, users and keys. Called by the command line.
package admin

import (
	"crypto/rand"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// Service administers. Every field must be set.
type Service struct {
	Store  latchkey.Store
	Signer latchkey.Signer
	Now    func() time.Time
}

// byAdministrator is the Detail of events.
const byAdministrator = "by an administrator"

func (s *Service) event(kind latchkey.Kind, p latchkey.ProjectID) latchkey.Event {
	return latchkey.Event{At: s.Now().UTC(), Kind: kind, Project: p, Detail: byAdministrator}
}

func random() (b [16]byte) {
	rand.Read(b[:]) // never fails: the process dies without entropy
	return b
}
