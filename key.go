package latchkey

import (
	"slices"
	"time"
)

// A KeyID is the `kid` of a key, unique among all projects (RFC 7517 §4.5).
type KeyID string

// A KeyState is where a key stands in its rotation.
//
//	Next ──published for PublishAhead──▶ Active ──a newer one became active──▶ Retiring ──its last token expired──▶ gone
type KeyState string

// The states.
const (
	NextKey     KeyState = "next"     // published, does not sign yet
	ActiveKey   KeyState = "active"   // signs
	RetiringKey KeyState = "retiring" // signs no more; its tokens are still good
)

// PublishAhead is how long a key is published before it signs: the Go SDK caches the list for 10 minutes and does not
// refetch on an unknown kid (contract.md §5); the minute on top is for clocks.
const PublishAhead = 11 * time.Minute

// A Key signs a project's tokens with one algorithm, which it is pinned to (RFC 8725 §3.1).
type Key struct {
	ID        KeyID
	Project   ProjectID
	Algorithm Algorithm
	State     KeyState
	Sealed    []byte    // the private part, sealed under the master secret; bound to ID, Project and Algorithm
	Public    []byte    // the public part, PKIX DER; nil for HS256, whose only part is private
	Created   time.Time // UTC
	Activated time.Time // UTC; zero while Next
	Retires   time.Time // UTC: when a Retiring key goes; zero before
}

// BecameActive is the audit event of a rotation that Advance completed.
func (k Key) BecameActive(now time.Time) Event {
	return Event{At: now, Kind: KeyRotated, Project: k.Project, Detail: string(k.ID)}
}

// Keys are all keys of one project.
type Keys []Key

// Signing gives the key that signs with a.
// Errors: Internal when there is none: a project is never without one.
func (ks Keys) Signing(a Algorithm) (Key, error) {
	for _, k := range ks {
		if k.Algorithm == a && k.State == ActiveKey {
			return k, nil
		}
	}
	return Key{}, &Error{Code: Internal, Message: "the project has no active " + string(a) + " key"}
}

// Published gives the keys in the order in which clients must find them: the one that signs with a first, because the
// Go SDK verifies with the first one only (contract.md §5); then active, next and retiring ones.
func (ks Keys) Published(a Algorithm) Keys {
	rank := func(k Key) int {
		switch {
		case k.State == ActiveKey && k.Algorithm == a:
			return 0
		case k.State == ActiveKey:
			return 1
		case k.State == NextKey:
			return 2
		}
		return 3
	}
	out := slices.Clone(ks)
	slices.SortStableFunc(out, func(x, y Key) int { return rank(x) - rank(y) })
	return out
}

// Advance moves every key on that is due at now, longest being the longest life of a token: a Next key that was
// published for PublishAhead becomes Active, the one it replaces Retiring, and a Retiring one whose last token expired
// goes. A retired key stays for PublishAhead longer than its tokens, for the same caches.
func (ks Keys) Advance(longest time.Duration, now time.Time) Keys {
	out := slices.Clone(ks)
	for i := range out {
		if out[i].State != NextKey || now.Before(out[i].Created.Add(PublishAhead)) {
			continue
		}
		for j := range out {
			if out[j].State == ActiveKey && out[j].Algorithm == out[i].Algorithm {
				out[j].State, out[j].Retires = RetiringKey, now.Add(longest+PublishAhead)
			}
		}
		out[i].State, out[i].Activated = ActiveKey, now
	}
	return slices.DeleteFunc(out, func(k Key) bool { return k.State == RetiringKey && !now.Before(k.Retires) })
}
