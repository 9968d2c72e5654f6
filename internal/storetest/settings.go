package storetest

import (
	"slices"
	"time"

	"github.com/latchkey-dev/latchkey"
)

func projectNotFound(w *world) {
	_, err := w.Store.Project(w.ctx(), w.Nouns.Project("Nobody's").ID)
	w.wants("Project of an unknown id", err, latchkey.ProjectNotFound)
}

func createProjectStoresAll(w *world) {
	p := w.Nouns.Project("Ünïcode \"quoted\"")
	ks := latchkey.Keys{w.Key(p.ID, latchkey.ES256, latchkey.ActiveKey, w.now), w.Key(p.ID, latchkey.HS256, latchkey.ActiveKey, w.now.Add(1000))}
	ks[1].Public = nil
	e := w.Event(latchkey.ProjectCreated, p.ID, w.now)
	w.must(w.CreateProject(w.ctx(), p, ks, e))
	got, err := w.Store.Project(w.ctx(), p.ID)
	w.must(err)
	same(w, "the project", got, p)
	gotKeys, err := w.Keys(w.ctx(), p.ID)
	w.must(err)
	same(w, "its keys", gotKeys, ks)
	es, err := w.Events(w.ctx(), p.ID, 10)
	w.must(err)
	same(w, "its events", es, []latchkey.Event{e})
}

func createProjectConflict(w *world) {
	again := w.project
	again.Name = "Another"
	w.wants("a taken id", w.CreateProject(w.ctx(), again, nil, w.Event(latchkey.ProjectCreated, again.ID, w.now)), latchkey.Conflict)
	got, err := w.Store.Project(w.ctx(), w.project.ID)
	w.must(err)
	same(w, "the project", got, w.project)
	same(w, "events", w.count(latchkey.ProjectCreated), 1)
}

func projectsByName(w *world) {
	b, a := w.newProject("Z last"), w.newProject("A first")
	ps, err := w.Projects(w.ctx())
	w.must(err)
	same(w, "all projects", ps, []latchkey.Project{a, w.project, b})
}

func updateProjectReplaces(w *world) {
	other := w.newProject("Other")
	p := w.project
	p.Name, p.CallbackURLs, p.Channels, p.Algorithm = "New name", []string{"https://new.example.com/"}, []latchkey.Channel{latchkey.Email}, latchkey.EdDSA
	p.LinkURLs, p.AllowedOrigins, p.DefaultLocale = nil, nil, ""
	p.TokenLife, p.AccessLife, p.RefreshLife = time.Minute, 2*time.Minute, 3*time.Minute
	p.Codes = latchkey.CodePolicy{Digits: 10, Life: 30 * time.Second, Tries: 1}
	p.Sessions = latchkey.SessionPolicy{Idle: time.Minute, Life: 2 * time.Minute}
	p.Look = latchkey.Look{Theme: latchkey.LightTheme, Texts: map[string]latchkey.LookTexts{"de": {Intro: "Hallo"}}}
	e := w.Event(latchkey.ProjectUpdated, p.ID, w.now)
	w.must(w.UpdateProject(w.ctx(), p, e))
	got, err := w.Store.Project(w.ctx(), p.ID)
	w.must(err)
	same(w, "the project", got, p)
	same(w, "the event", w.last(), e)
	got, err = w.Store.Project(w.ctx(), other.ID)
	w.must(err)
	same(w, "the other project", got, other)
	p.Look = latchkey.Look{}
	w.must(w.UpdateProject(w.ctx(), p, e))
	got, err = w.Store.Project(w.ctx(), p.ID)
	w.must(err)
	same(w, "the project that looks like ours", got, p)
}

func updateProjectNotFound(w *world) {
	p := w.Nouns.Project("Nobody's")
	w.wants("UpdateProject", w.UpdateProject(w.ctx(), p, w.Event(latchkey.ProjectUpdated, p.ID, w.now)), latchkey.ProjectNotFound)
	w.noEvents(p.ID)
}

// noEvents checks that what failed left no trace.
func (w *world) noEvents(p latchkey.ProjectID) {
	w.Helper()
	es, err := w.Events(w.ctx(), p, 10)
	w.must(err)
	if len(es) > 0 {
		w.Errorf("a failed verb stored the events %+v", es)
	}
}

func deleteProjectTakesAll(w *world) {
	kept := w.project
	keptUser, keptGrant := w.grantOf(w.Email())
	keptSession, keptDevice := w.stays(w.Email()).Session, w.waits()
	w.project = w.newProject("Doomed")
	w.must(w.AddKey(w.ctx(), w.Key(w.project.ID, latchkey.ES256, latchkey.ActiveKey, w.now), false, w.Event(latchkey.KeyAdded, w.project.ID, w.now)))
	cl, err := w.CreateClient(w.ctx(), w.Nouns.Client(w.project.ID), w.Event(latchkey.ClientCreated, w.project.ID, w.now))
	w.must(err)
	u, g := w.grantOf(w.Email())
	code := w.login(w.Email()).Code
	session, device := w.stays(w.Email()).Session, w.waits()
	to := w.Phone()
	c := w.start(to, withLink)
	w.answer(c, WrongCode)
	events := w.count(latchkey.ChallengeStarted)

	e := w.Event(latchkey.ProjectDeleted, w.project.ID, w.now)
	w.must(w.DeleteProject(w.ctx(), w.project.ID, e))
	same(w, "the last event", w.last(), e)
	_, err = w.Store.Project(w.ctx(), w.project.ID)
	w.wants("the project", err, latchkey.ProjectNotFound)
	ks, err := w.Keys(w.ctx(), w.project.ID)
	w.must(err)
	same(w, "its keys", len(ks), 0)
	_, err = w.Store.Client(w.ctx(), cl.ID)
	w.wants("its client", err, latchkey.UnknownClient)
	_, err = w.Store.Challenge(w.ctx(), c.ID)
	w.wants("its challenge", err, latchkey.NotFound)
	gotUser, gotGrant := w.standing(u.ID, g.ID)
	same(w, "its user", gotUser, latchkey.User{})
	same(w, "its grant", gotGrant, latchkey.Grant{})
	gotSession, _ := w.session(session.ID)
	same(w, "its session", gotSession, latchkey.Session{})
	_, err = w.DeviceLogin(w.ctx(), device.UserCode)
	w.wants("its device", err, latchkey.NotFound)
	red, err := w.RedeemCode(w.ctx(), w.Redemption(code, w.now), w.now)
	w.must(err)
	same(w, "its code", red.Code, latchkey.AuthorizationCode{})
	ms, err := w.ClaimMessages(w.ctx(), 1000, w.now.Add(2*time.Minute), w.now.Add(time.Minute))
	w.must(err)
	for _, m := range ms {
		if m.Project != kept.ID {
			w.Errorf("a message of the deleted project is still in the outbox: %+v", m)
		}
	}
	same(w, "its events", w.count(latchkey.ChallengeStarted), events)
	gotUser, gotGrant = w.standing(keptUser.ID, keptGrant.ID)
	same(w, "the other project's user", gotUser, keptUser)
	same(w, "the other project's grant", gotGrant, keptGrant)
	gotSession, _ = w.session(keptSession.ID)
	same(w, "the other project's session", gotSession, keptSession)
	same(w, "the other project's device", w.device(keptDevice.UserCode), keptDevice)

	// The same project made again begins with nothing, the guesses included.
	w.must(w.CreateProject(w.ctx(), w.project, nil, w.Event(latchkey.ProjectCreated, w.project.ID, w.now)))
	same(w, "guesses", w.answer(w.start(to), WrongCode).Guesses.Total, 1)
}

func deleteProjectNotFound(w *world) {
	p := w.Nouns.Project("Nobody's")
	w.wants("DeleteProject", w.DeleteProject(w.ctx(), p.ID, w.Event(latchkey.ProjectDeleted, p.ID, w.now)), latchkey.ProjectNotFound)
	w.noEvents(p.ID)
}

func (w *world) newClient(p latchkey.ProjectID) latchkey.Client {
	w.Helper()
	c, err := w.CreateClient(w.ctx(), w.Nouns.Client(p), w.Event(latchkey.ClientCreated, p, w.now))
	w.must(err)
	return c
}

func clientNotFound(w *world) {
	_, err := w.Store.Client(w.ctx(), 4711)
	w.wants("Client of an unknown id", err, latchkey.UnknownClient)
	_, err = w.Store.Client(w.ctx(), 0)
	w.wants("Client of the zero id", err, latchkey.UnknownClient)
}

func createClientChoosesID(w *world) {
	a, b := w.newClient(w.project.ID), w.newClient(w.project.ID)
	if a.ID <= 0 || b.ID <= 0 || a.ID == b.ID {
		w.Fatalf("ids %d and %d: want two positive ones that differ", a.ID, b.ID)
	}
	want := w.Nouns.Client(w.project.ID)
	want.ID = b.ID
	got, err := w.Store.Client(w.ctx(), b.ID)
	w.must(err)
	same(w, "the client", got, want)
	same(w, "events", w.count(latchkey.ClientCreated), 2)
}

func createClientKeepsID(w *world) {
	c := w.Nouns.Client(w.project.ID)
	c.ID, c.Kind, c.SecretHash, c.RedirectURIs, c.PKCERequired = 777, latchkey.PublicClient, latchkey.Hash{}, nil, false
	c.LogoutURIs, c.PublicKeys, c.DeviceLogin = nil, "", false
	made, err := w.CreateClient(w.ctx(), c, w.Event(latchkey.ClientCreated, w.project.ID, w.now))
	w.must(err)
	same(w, "what CreateClient gives", made, c)
	got, err := w.Store.Client(w.ctx(), 777)
	w.must(err)
	same(w, "the client", got, c)
	if next := w.newClient(w.project.ID); next.ID == 777 {
		w.Error("the next free id is one that is taken")
	}
	c.Name = "Another"
	_, err = w.CreateClient(w.ctx(), c, w.Event(latchkey.ClientCreated, w.project.ID, w.now))
	w.wants("a taken id", err, latchkey.Conflict)
	same(w, "events", w.count(latchkey.ClientCreated), 2)
}

func createClientNoProject(w *world) {
	p := w.Nouns.Project("Nobody's").ID
	_, err := w.CreateClient(w.ctx(), w.Nouns.Client(p), w.Event(latchkey.ClientCreated, p, w.now))
	w.wants("CreateClient", err, latchkey.ProjectNotFound)
	w.noEvents(p)
}

func clientsByID(w *world) {
	a, b := w.newClient(w.project.ID), w.newClient(w.project.ID)
	other := w.newProject("Other")
	w.newClient(other.ID)
	cs, err := w.Clients(w.ctx(), w.project.ID)
	w.must(err)
	want := []latchkey.Client{a, b}
	slices.SortFunc(want, func(x, y latchkey.Client) int { return int(x.ID - y.ID) })
	same(w, "the project's clients", cs, want)
}

func updateClientKeepsProject(w *world) {
	c := w.newClient(w.project.ID)
	change := c
	change.Project = w.newProject("Other").ID
	change.Name, change.Kind, change.SecretHash = "New", latchkey.PublicClient, latchkey.Hash{}
	change.RedirectURIs, change.PKCERequired = []string{"app://new"}, false
	change.LogoutURIs, change.PublicKeys, change.DeviceLogin = []string{"app://new/bye"}, "", false
	e := w.Event(latchkey.ClientUpdated, w.project.ID, w.now)
	w.must(w.UpdateClient(w.ctx(), change, e))
	got, err := w.Store.Client(w.ctx(), c.ID)
	w.must(err)
	change.Project = c.Project
	same(w, "the client", got, change)
	same(w, "the event", w.last(), e)
}

func updateClientNotFound(w *world) {
	c := w.Nouns.Client(w.project.ID)
	c.ID = 4711
	w.wants("UpdateClient", w.UpdateClient(w.ctx(), c, w.Event(latchkey.ClientUpdated, w.project.ID, w.now)), latchkey.UnknownClient)
	same(w, "events", w.count(latchkey.ClientUpdated), 0)
}

func deleteClientTakesGrants(w *world) {
	gone, kept := w.newClient(w.project.ID), w.newClient(w.project.ID)
	u, g := w.grantOf(w.Email(), by(gone.ID))
	code := w.login(w.Email(), by(gone.ID)).Code
	keptUser, keptGrant := w.grantOf(w.Email(), by(kept.ID))
	device := w.waits(func(d *latchkey.DeviceLogin) { d.Client = gone.ID })
	keptDevice := w.waits(func(d *latchkey.DeviceLogin) { d.Client = kept.ID })
	w.must(w.DeleteClient(w.ctx(), gone.ID, w.Event(latchkey.ClientDeleted, w.project.ID, w.now)))
	_, err := w.Store.Client(w.ctx(), gone.ID)
	w.wants("the client", err, latchkey.UnknownClient)
	user, grant := w.standing(u.ID, g.ID)
	same(w, "its grant", grant, latchkey.Grant{})
	same(w, "the user", user, u)
	out, err := w.RedeemCode(w.ctx(), w.Redemption(code, w.now), w.now)
	w.must(err)
	same(w, "its code", out.Code, latchkey.AuthorizationCode{})
	_, grant = w.standing(keptUser.ID, keptGrant.ID)
	same(w, "the other client's grant", grant, keptGrant)
	_, err = w.DeviceLogin(w.ctx(), device.UserCode)
	w.wants("its device", err, latchkey.NotFound)
	same(w, "the other client's device", w.device(keptDevice.UserCode), keptDevice)
	w.wants("deleting it again", w.DeleteClient(w.ctx(), gone.ID, w.Event(latchkey.ClientDeleted, w.project.ID, w.now)), latchkey.UnknownClient)
	same(w, "events", w.count(latchkey.ClientDeleted), 1)
}

func (w *world) addKey(k latchkey.Key, replace bool) {
	w.Helper()
	w.must(w.AddKey(w.ctx(), k, replace, w.Event(latchkey.KeyAdded, k.Project, w.now)))
}

// hasKeys checks the keys of the project.
func (w *world) hasKeys(want ...latchkey.Key) {
	w.Helper()
	ks, err := w.Keys(w.ctx(), w.project.ID)
	w.must(err)
	same(w, "keys", ks, latchkey.Keys(want))
}

func keysOldestFirst(w *world) {
	young := w.Key(w.project.ID, latchkey.RS256, latchkey.ActiveKey, w.now.Add(time.Hour))
	old := w.Key(w.project.ID, latchkey.ES256, latchkey.NextKey, w.now)
	old.Public = nil
	w.addKey(young, false)
	w.addKey(old, false)
	other := w.newProject("Other")
	w.addKey(w.Key(other.ID, latchkey.ES256, latchkey.ActiveKey, w.now), false)
	w.hasKeys(old, young)
	ks, err := w.Keys(w.ctx(), w.Nouns.Project("Nobody's").ID)
	w.must(err)
	same(w, "keys of an unknown project", len(ks), 0)
}

func addKeyReplaces(w *world) {
	active := w.Key(w.project.ID, latchkey.ES256, latchkey.ActiveKey, w.now)
	next := w.Key(w.project.ID, latchkey.ES256, latchkey.NextKey, w.now.Add(time.Second))
	other := w.Key(w.project.ID, latchkey.RS256, latchkey.ActiveKey, w.now.Add(2*time.Second))
	for _, k := range []latchkey.Key{active, next, other} {
		w.addKey(k, false)
	}
	more := w.Key(w.project.ID, latchkey.ES256, latchkey.NextKey, w.now.Add(3*time.Second))
	w.addKey(more, true) // not Active: replaces nothing
	w.hasKeys(active, next, other, more)
	fresh := w.Key(w.project.ID, latchkey.ES256, latchkey.ActiveKey, w.now.Add(4*time.Second))
	w.addKey(fresh, true)
	w.hasKeys(other, fresh)
}

func addKeyErrors(w *world) {
	k := w.Key(w.project.ID, latchkey.ES256, latchkey.ActiveKey, w.now)
	w.addKey(k, false)
	taken := w.Key(w.project.ID, latchkey.ES256, latchkey.ActiveKey, w.now)
	taken.ID = k.ID
	w.wants("a taken id", w.AddKey(w.ctx(), taken, true, w.Event(latchkey.KeyAdded, w.project.ID, w.now)), latchkey.Conflict)
	w.hasKeys(k)
	foreign := w.Key(w.Nouns.Project("Nobody's").ID, latchkey.ES256, latchkey.ActiveKey, w.now)
	w.wants("an unknown project", w.AddKey(w.ctx(), foreign, false, w.Event(latchkey.KeyAdded, w.project.ID, w.now)), latchkey.ProjectNotFound)
	same(w, "events", w.count(latchkey.KeyAdded), 1)
}

func advanceKeys(w *world) {
	old := w.Key(w.project.ID, latchkey.ES256, latchkey.ActiveKey, w.now)
	next := w.Key(w.project.ID, latchkey.ES256, latchkey.NextKey, w.now.Add(time.Minute))
	w.addKey(old, false)
	w.addKey(next, false)
	due := next.Created.Add(latchkey.PublishAhead)
	w.advances(due.Add(-time.Microsecond))
	w.hasKeys(old, next)

	next.State, next.Activated = latchkey.ActiveKey, due
	old.State, old.Retires = latchkey.RetiringKey, due.Add(w.project.TokenLifeMax()+latchkey.PublishAhead)
	w.advances(due, next)
	w.hasKeys(old, next)
	w.advances(due)
	w.hasKeys(old, next)

	w.advances(old.Retires.Add(-time.Microsecond))
	w.hasKeys(old, next)
	w.advances(old.Retires)
	w.hasKeys(next)
}

// advances checks which keys become active at now.
func (w *world) advances(now time.Time, want ...latchkey.Key) {
	w.Helper()
	ks, err := w.AdvanceKeys(w.ctx(), now)
	w.must(err)
	same(w, "keys that became active", ks, latchkey.Keys(want))
}

func advanceKeysEverywhere(w *world) {
	other := w.newProject("Other")
	a := w.Key(w.project.ID, latchkey.ES256, latchkey.NextKey, w.now)
	b := w.Key(other.ID, latchkey.RS256, latchkey.NextKey, w.now)
	w.addKey(a, false)
	w.addKey(b, false)
	ks, err := w.AdvanceKeys(w.ctx(), w.now.Add(latchkey.PublishAhead))
	w.must(err)
	same(w, "how many keys became active", len(ks), 2)
	for _, k := range ks {
		es, err := w.Events(w.ctx(), k.Project, 1)
		w.must(err)
		same(w, "the event of the rotation", es, []latchkey.Event{k.BecameActive(w.now.Add(latchkey.PublishAhead))})
	}
}
