package latchkey_test

import (
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey"
)

// RFC 7009 §2.1: a client revokes what is its own, and learns nothing of the rest.
func TestRFC7009_2_1_OnlyOnesOwn(t *testing.T) {
	t.Parallel()
	dead := family(1)
	dead.Revoked = noon.Add(-time.Minute)
	own := latchkey.Revocation{ID: grantID(6), Project: project, Client: 7, From: home}
	for name, c := range map[string]struct {
		grant  latchkey.Grant
		change func(*latchkey.Revocation)
		done   bool
	}{
		"one's own":       {family(1), func(*latchkey.Revocation) {}, true},
		"another client":  {family(1), func(r *latchkey.Revocation) { r.Client = 8 }, false},
		"another project": {family(1), func(r *latchkey.Revocation) { r.Project = foreign }, false},
		"unknown":         {latchkey.Grant{}, func(r *latchkey.Revocation) { r.Client, r.Project = 0, latchkey.ProjectID{} }, false},
		"nobody's wish":   {family(1), func(r *latchkey.Revocation) { r.Client = 0 }, false},
		"revoked before":  {dead, func(*latchkey.Revocation) {}, false},
	} {
		r := own
		c.change(&r)
		out := r.Judge(c.grant, noon)
		want := c.grant
		if c.done {
			want.Revoked = noon
		}
		if out.Done != c.done || out.Grant != want || (out.Event.Kind == latchkey.GrantRevoked) != c.done {
			t.Errorf("%s: %+v, want done %v and %+v", name, out, c.done, want)
		}
	}
}

// A person revokes what they allowed, whichever client has it, and nothing of anybody else.
func TestASVS_10_4_9_UserRevokes(t *testing.T) {
	t.Parallel()
	dead := family(1)
	dead.Revoked = noon.Add(-time.Minute)
	own := latchkey.Revocation{ID: grantID(6), Project: project, User: annID, From: home}
	for name, c := range map[string]struct {
		grant  latchkey.Grant
		change func(*latchkey.Revocation)
		done   bool
	}{
		"one's own":                    {family(1), func(*latchkey.Revocation) {}, true},
		"another person":               {family(1), func(r *latchkey.Revocation) { r.User = latchkey.UserID{UUID: latchkey.UUID{2}} }, false},
		"another project":              {family(1), func(r *latchkey.Revocation) { r.Project = foreign }, false},
		"a client, in one's name":      {family(1), func(r *latchkey.Revocation) { r.Client = 8 }, false},
		"unknown":                      {latchkey.Grant{}, func(r *latchkey.Revocation) { r.User, r.Project = latchkey.UserID{}, latchkey.ProjectID{} }, false},
		"revoked before":               {dead, func(*latchkey.Revocation) {}, false},
		"the client's own, whoever is": {family(1), func(r *latchkey.Revocation) { r.Client, r.User = 7, latchkey.UserID{} }, true},
	} {
		r := own
		c.change(&r)
		out := r.Judge(c.grant, noon)
		want := c.grant
		if c.done {
			want.Revoked = noon
		}
		if out.Done != c.done || out.Grant != want || (out.Event.Kind == latchkey.GrantRevoked) != c.done {
			t.Errorf("%s: %+v, want done %v and %+v", name, out, c.done, want)
		}
	}
	if e := own.Judge(family(1), noon).Event; e.Detail != "the person asked" || e.User != annID || e.Client != 7 || e.Grant != grantID(6) {
		t.Errorf("event %+v", e)
	}
}
